// Package celerytest helps to test programs that use package celery, without a Redis server and without Python.
//
//	app := celerytest.New(t, celery.Config{Name: "tasks"}) // broker and results in the test's memory
//	add := app.MustRegister("tasks.add", func(x, y int) int { return x + y })
//	celerytest.Worker(t, app)
//	res, err := add.Delay(t.Context(), 1, 2) // sent, run by the worker, stored
//
// The broker is miniredis, which speaks Redis' protocol: messages, acknowledgements, results, events and remote control
// take the way that they take in production. Its own clock stands still, so that keys never expire unless the test
// moves it; visibility timeouts and leases are for tests against a real server.
//
// Where not even a worker is wanted, Eager makes an app whose calls run at once in the caller.
package celerytest

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"healpipe/celery"
)

// Broker starts a broker in the test's memory and returns its URL. It ends with the test.
func Broker(t testing.TB) string {
	t.Helper()
	return "redis://" + miniredis.RunT(t).Addr() + "/0"
}

// New makes an app on a broker of its own that also keeps its results; a broker or result backend in conf stays. The
// app is closed at the test's end.
func New(t testing.TB, conf celery.Config) *celery.App {
	t.Helper()
	if conf.Broker == "" {
		conf.Broker = Broker(t)
	}
	if conf.ResultBackend == "" {
		conf.ResultBackend = conf.Broker
	}
	return open(t, conf)
}

// Eager makes an app whose calls run at once in the caller's goroutine and return the task's error, as Python's with
// task_always_eager and task_eager_propagates. It connects to nothing.
func Eager(t testing.TB, conf celery.Config) *celery.App {
	t.Helper()
	conf.TaskAlwaysEager, conf.TaskEagerPropagates = true, true
	return open(t, conf)
}

func open(t testing.TB, conf celery.Config) *celery.App {
	app := celery.New(conf)
	t.Cleanup(func() {
		if err := app.Close(); err != nil {
			t.Errorf("celerytest: closing the app: %v", err)
		}
	})
	return app
}

// startTimeout is how long a worker may take to consume: generous, for machines under load.
const startTimeout = time.Minute

// Worker starts a worker of the app in the test's process and returns when it consumes. At the test's end it is shut
// down warmly; its log is shown if the test has failed. Of several options the first counts; LogWriter, Stdout and Ready
// are Worker's own unless set.
func Worker(t testing.TB, app *celery.App, opts ...celery.WorkerOptions) *celery.Worker {
	t.Helper()
	var o celery.WorkerOptions
	if len(opts) > 0 {
		o = opts[0]
	}
	log := &buffer{}
	if o.LogWriter == nil {
		o.LogWriter = log
	}
	if o.Stdout == nil {
		o.Stdout = log
	}
	if o.LogLevel == 0 {
		o.LogLevel = celery.Info
	}
	ready, told := make(chan struct{}), o.Ready
	o.Ready = func() {
		close(ready)
		if told != nil {
			told()
		}
	}
	w := app.Worker(o)
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		defer cancel()
		w.Warm()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("celerytest: the worker: %v", err)
			}
		case <-time.After(startTimeout):
			t.Error("celerytest: a task still runs; the worker is stopped without it")
			cancel()
			<-done
		}
		if t.Failed() {
			t.Logf("the worker's log:\n%s", log)
		}
	})
	select {
	case <-ready:
	case err := <-done:
		done <- err
		t.Fatalf("celerytest: the worker did not start: %v", err)
	case <-time.After(startTimeout):
		t.Fatal("celerytest: the worker did not start in time")
	}
	return w
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *buffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *buffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
