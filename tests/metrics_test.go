package tests

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// TestMetrics scrapes a worker after a task that succeeds and one that fails, with a third in another queue.
func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	testenv.ERA5(t, "sfc", "2t", s.path("ERA5_sfc", "good.nc"), "--hours", "1", "--grid", "91x180")
	addr := testenv.FreeAddr(t)
	worker := s.worker("-c", "1", "--metrics-addr", addr)
	s.python("-c", `
import config
from celery import Celery
app = Celery("t", broker=config.CELERY_BROKER)
app.send_task("tasks.regrid_file", ["ERA5_sfc/good.nc"])
app.send_task("tasks.regrid_file", ["ERA5_sfc/none.nc"])
`)
	worker.await("raised unexpected")
	testenv.WaitFor(t, time.Minute, "the queue to drain", s.drained)
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`healpipe_tasks_total{state="SUCCESS",task="tasks.regrid_file"} 1`,
		`healpipe_tasks_total{state="FAILURE",task="tasks.regrid_file"} 1`,
		`healpipe_task_seconds_count{task="tasks.regrid_file"} 2`,
		`healpipe_tasks_running 0`,
		`healpipe_queue_length{queue="celery"} 0`,
		`healpipe_broker_up 1`,
		`process_resident_memory_bytes`,
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
}
