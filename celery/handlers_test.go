package celery_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"healpipe/celery"
	"healpipe/internal/testenv"
)

// registerHandlers registers the tasks of testdata/handlers.py.
func registerHandlers(t *testing.T, app *celery.App, broker string) {
	c := dial(t, broker)
	lock := make(chan struct{}, 1)
	note := func(what ...any) {
		lock <- struct{}{}
		defer func() { <-lock }()
		raw, err := json.Marshal(what)
		if err == nil {
			_, err = c.Do("RPUSH", "handlers", raw)
		}
		if err != nil {
			t.Error(err)
		}
	}
	repr := func(err error) any {
		if err == nil {
			return nil
		}
		var e *celery.Error
		if !errors.As(err, &e) || len(e.Args) != 1 {
			return err.Error()
		}
		return e.Class + "(" + celery.Repr(e.Args[0]) + ")"
	}
	recorded := celery.TaskOptions{
		BeforeStart: func(r *celery.Request) error {
			args, kwargs := r.Args, r.Kwargs
			if args == nil {
				args = []any{}
			}
			if kwargs == nil {
				kwargs = map[string]any{}
			}
			note("before_start", args, kwargs)
			return nil
		},
		OnSuccess: func(_ *celery.Request, result any) error { note("on_success", result); return nil },
		OnFailure: func(_ *celery.Request, err error) error { note("on_failure", repr(err)); return nil },
		OnRetry:   func(_ *celery.Request, err error) error { note("on_retry", repr(err)); return nil },
		AfterReturn: func(_ *celery.Request, state string, result any, err error) error {
			switch state {
			case celery.StateSuccess:
				note("after_return", state, result)
			case celery.StateFailure:
				note("after_return", state, repr(err))
			default:
				note("after_return", state, nil)
			}
			return nil
		},
	}
	reg := func(name string, fn any, edit func(o *celery.TaskOptions), params ...string) {
		o := recorded
		o.Params = params
		if edit != nil {
			edit(&o)
		}
		app.MustRegister("handlers."+name, fn, o)
	}
	one := 1
	reg("add", func(x, y int) int { return x + y }, nil, "x", "y=0")
	reg("fail", func() error { return celery.Errorf("KeyError", "no") }, nil)
	reg("retry", func(ctx context.Context, again bool) error {
		r := celery.CurrentRequest(ctx)
		if again || r.Retries == 0 {
			return r.Retry(ctx, celery.RetryOptions{Err: celery.Errorf("ValueError", "again"), Countdown: 50 * time.Millisecond})
		}
		return celery.Errorf("ValueError", "enough")
	}, func(o *celery.TaskOptions) { o.MaxRetries = &one }, "again")
	reg("ignore", func() error { return celery.Ignore }, func(o *celery.TaskOptions) { o.AcksLate = true })
	reg("reject", func() error { return &celery.Reject{Reason: "no"} }, func(o *celery.TaskOptions) { o.AcksLate = true })
	reg("raising", func() string { return "fine" }, func(o *celery.TaskOptions) {
		success, after := o.OnSuccess, o.AfterReturn
		o.OnSuccess = func(r *celery.Request, result any) error {
			_ = success(r, result)
			return celery.Errorf("ValueError", "in on_success")
		}
		o.AfterReturn = func(r *celery.Request, state string, result any, err error) error {
			_ = after(r, state, result, err)
			panic("in after_return")
		}
	})
	reg("refusing", func() string { return "not called" }, func(o *celery.TaskOptions) {
		before := o.BeforeStart
		o.BeforeStart = func(r *celery.Request) error {
			_ = before(r)
			return celery.Errorf("ValueError", "in before_start")
		}
	})
}

// before_start, on_success, on_failure, on_retry and after_return are called as by Celery's worker, in its order and with the same values,
// whatever they raise; a task that has expired while it waited calls none.
func TestHandlersAsPython(t *testing.T) {
	t.Parallel()
	theirs, ours := testenv.StartRedis(t).URL(0), testenv.StartRedis(t).URL(0)
	var want map[string]any
	done := make(chan struct{})
	go func() {
		defer close(done)
		pythonWorker(t, theirs, "--include", "handlers", "-c", "1")
		want = decoded(t, python(t, theirs, "handlers.py"))
	}()
	app := newApp(t, celery.Config{Name: "suite", Broker: ours, ResultBackend: ours})
	registerHandlers(t, app, ours)
	runWorker(t, app, celery.WorkerOptions{Concurrency: 1})
	got := decoded(t, python(t, ours, "handlers.py"))
	<-done
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-Python +Go):\n%s", diff)
	}
	if len(want) != 10 {
		t.Errorf("%d cases", len(want))
	}
}
