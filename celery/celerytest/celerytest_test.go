package celerytest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"healpipe/celery"
	"healpipe/celery/celerytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errOdd = errors.New("odd")

func half(n int) (int, error) {
	if n%2 != 0 {
		return 0, errOdd
	}
	return n / 2, nil
}

// Messages go through the broker in memory: results, canvas, remote control.
func TestWorker(t *testing.T) {
	t.Parallel()
	app := celerytest.New(t, celery.Config{Name: "tasks"})
	task := app.MustRegister("tasks.half", half, celery.TaskOptions{AcksLate: true})
	sum := app.MustRegister("tasks.sum", func(list []int) (n int) {
		for _, v := range list {
			n += v
		}
		return n
	})
	w := celerytest.Worker(t, app, celery.WorkerOptions{Hostname: "w@h", Concurrency: 2})
	if w.Nodename() != "w@h" {
		t.Errorf("the worker is called %s", w.Nodename())
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	res, err := task.Delay(ctx, 8)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := res.Get(ctx); err != nil || v != int64(4) {
		t.Errorf("got %v %v", v, err)
	}
	if res, err = task.Delay(ctx, 3); err != nil {
		t.Fatal(err)
	}
	var failed *celery.Error
	if _, err := res.Get(ctx); !errors.As(err, &failed) || failed.Args[0] != "odd" {
		t.Errorf("got %v", err)
	}
	res, err = celery.Chord([]*celery.Signature{task.S(2), task.S(4)}, sum.S()).Delay(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := res.Get(ctx); err != nil || v != int64(3) {
		t.Errorf("chord: %v %v", v, err)
	}
	pong, err := app.Control().Ping(ctx, celery.BroadcastOptions{Destination: []string{"w@h"}, Timeout: time.Minute, Limit: 1})
	if err != nil || pong["w@h"] == nil {
		t.Errorf("ping: %v %v", pong, err)
	}
}

// Calls of an eager app run at once and return the task's own error.
func TestEager(t *testing.T) {
	t.Parallel()
	app := celerytest.Eager(t, celery.Config{Broker: "redis://127.0.0.1:1/0"})
	task := app.MustRegister("tasks.half", half)
	res, err := celery.Chain(task.S(8), task.S()).Delay(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if v, err := res.Get(t.Context()); err != nil || v != int64(2) {
		t.Errorf("got %v %v", v, err)
	}
	if _, err := task.Delay(t.Context(), 3); !errors.Is(err, errOdd) {
		t.Errorf("got %v", err)
	}
}
