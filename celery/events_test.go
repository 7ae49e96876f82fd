package celery

import (
	"strings"
	"testing"

	"healpipe/celery/kombu"
	"healpipe/internal/testenv"
)

// While the broker is away events wait in a bounded buffer; those beyond it are dropped and counted, nothing blocks, and the
// log tells how many were lost.
func TestEventsAreDropped(t *testing.T) {
	t.Parallel()
	srv := testenv.StartRedis(t)
	conn, err := kombu.Dial(t.Context(), srv.URL(0), kombu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	app := New(Config{Broker: srv.URL(0)})
	defer app.Close()
	var log strings.Builder
	d := newDispatcher(conn, app, "w@h", newLogger(&log, Info, false, app.clock.Now), true)
	srv.Kill()
	for range eventBuffer + 5 {
		d.task("task-started", field{"uuid", "x"})
	}
	if n := d.dropped.Load(); n != 5 {
		t.Errorf("%d dropped, want 5", n)
	}
	srv.Start()
	d.flush(t.Context())
	if !strings.Contains(log.String(), "Dropped 5 events: the broker is slow or away") {
		t.Errorf("log: %q", log.String())
	}
	d.task("task-started", field{"uuid", "y"})
	if n := d.dropped.Load(); n != 5 {
		t.Errorf("%d dropped although there is room again", n)
	}
}
