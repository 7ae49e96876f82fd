package celery_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"healpipe/celery"
	"healpipe/internal/testenv"
)

// With worker_cancel_long_running_tasks_on_connection_loss a late task is cancelled when the connection is lost and runs
// again after the outage; an early one goes on.
func TestCancelOnConnectionLoss(t *testing.T) {
	t.Parallel()
	srv := testenv.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	url := srv.URL(0)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: url, WorkerCancelOnConnectionLoss: true})
	release, started := make(chan struct{}), make(chan string, 4)
	var runs atomic.Int32
	late := app.MustRegister("late", func(ctx context.Context) (string, error) {
		started <- "late"
		if runs.Add(1) > 1 {
			return "second run", nil
		}
		<-ctx.Done()
		return "", ctx.Err()
	}, celery.TaskOptions{AcksLate: true})
	early := app.MustRegister("early", func(ctx context.Context) (string, error) {
		started <- "early"
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-release:
			return "kept", nil
		}
	})
	w := runWorker(t, app, celery.WorkerOptions{Concurrency: 2, Hostname: "w@h"})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	first, err := late.Delay(ctx)
	if err != nil {
		t.Fatal(err)
	}
	second, err := early.Delay(ctx)
	if err != nil {
		t.Fatal(err)
	}
	<-started
	<-started
	srv.Kill()
	testenv.WaitFor(t, time.Minute, "the late task to be cancelled", func() bool {
		return w.log.has("Task late[" + first.ID + "] cannot be acknowledged after a connection loss")
	})
	srv.Start()
	if name := <-started; name != "late" {
		t.Errorf("%s was run again", name)
	}
	close(release)
	for res, want := range map[*celery.AsyncResult]string{first: "second run", second: "kept"} {
		testenv.WaitFor(t, time.Minute, "the result "+want, func() bool {
			info, err := res.Info(ctx)
			return err == nil && info["result"] == want
		})
	}
	c := dial(t, url)
	testenv.WaitFor(t, time.Minute, "acknowledgements", func() bool {
		return length(t, c, "HLEN", "unacked")+length(t, c, "LLEN", "celery") == 0
	})
}
