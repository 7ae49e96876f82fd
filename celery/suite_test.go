package celery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"healpipe/celery"
	"healpipe/internal/testenv"
)

// registerSuite registers the tasks of testdata/suite.py.
func registerSuite(t testing.TB, app *celery.App, broker string) {
	store := func(cmd string, args ...any) (any, error) {
		c, err := redis.DialURL(broker)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		return c.Do(cmd, args...)
	}
	reg := func(name string, fn any, opts celery.TaskOptions, params ...string) {
		opts.Params = params
		if _, err := app.Register("suite."+name, fn, opts); err != nil {
			t.Fatal(err)
		}
	}
	add := func(x, y float64, z *float64) any {
		s := x + y
		if z != nil {
			s += *z
		}
		if s == float64(int64(s)) {
			return int64(s)
		}
		return s
	}
	now := func(ctx context.Context, err error) error {
		return celery.CurrentRequest(ctx).Retry(ctx, celery.RetryOptions{Err: err, Countdown: 50 * time.Millisecond})
	}
	sig := func(name string, args ...any) *celery.Signature { return app.Signature("suite."+name, args...) }
	no, one, three, yes := celery.TaskOptions{}, 1, 3, true

	reg("add", add, celery.TaskOptions{AcksLate: true}, "x", "y", "z=None")
	reg("xsum", func(nums []any) any {
		total := int64(0)
		for _, n := range nums {
			switch v := n.(type) {
			case int64:
				total += v
			case []any:
				for _, e := range v {
					total += e.(int64)
				}
			}
		}
		return total
	}, no, "nums")
	reg("identity", func(x any) any { return x }, no, "x")
	reg("none", func() {}, celery.TaskOptions{AcksLate: true})
	reg("ids", func(ctx context.Context, i any) any {
		r := celery.CurrentRequest(ctx)
		var parent any
		if r.ParentID != "" {
			parent = r.ParentID
		}
		return []any{r.RootID, parent, i}
	}, no, "i")
	reg("fail", func(args []any) error {
		if len(args) == 0 {
			args = []any{"fail"}
		}
		return &celery.Error{Class: "ValueError", Module: "builtins", Args: args}
	}, no, "*args")
	reg("expected", func() error { return celery.Errorf("KeyError", "missing") }, celery.TaskOptions{Throws: []error{celery.Exception("KeyError")}})
	reg("retry_once", func(ctx context.Context) (int, error) {
		if n := celery.CurrentRequest(ctx).Retries; n > 0 {
			return n, nil
		}
		return 0, now(ctx, nil)
	}, celery.TaskOptions{MaxRetries: &three})
	reg("retry_exhausted", func(ctx context.Context, own bool) error {
		if own {
			return now(ctx, celery.Errorf("ValueError", "tried"))
		}
		return now(ctx, nil)
	}, celery.TaskOptions{MaxRetries: &one}, "own")
	reg("autoretry", func() error { return celery.Errorf("ValueError", "again") },
		celery.TaskOptions{MaxRetries: &one, AutoretryFor: []error{celery.Exception("ValueError")}, DefaultRetryDelay: 50 * time.Millisecond})
	reg("replace_add", func(ctx context.Context, x, y any) error {
		return celery.CurrentRequest(ctx).Replace(ctx, sig("add", x, y))
	}, no, "x", "y")
	reg("replace_group", func(ctx context.Context, n int) error {
		var members []*celery.Signature
		for i := range n {
			members = append(members, sig("add", i, i))
		}
		return celery.CurrentRequest(ctx).Replace(ctx, celery.Group(members...))
	}, no, "n")
	reg("replace_chain", func(ctx context.Context, x any) error {
		return celery.CurrentRequest(ctx).Replace(ctx, celery.Chain(sig("add", x, 1), sig("add", 10)))
	}, no, "x")
	reg("add_to_all", func(ctx context.Context, nums []any, val any) error {
		r := celery.CurrentRequest(ctx)
		for _, n := range nums[1:] {
			if _, err := r.AddToChord(ctx, sig("add", n, val)); err != nil {
				return err
			}
		}
		return r.Replace(ctx, sig("add", nums[0], val))
	}, no, "nums", "val")
	reg("grow_chord", func(ctx context.Context, x any) (any, error) {
		_, err := celery.CurrentRequest(ctx).AddToChord(ctx, sig("add", x, 100))
		return x, err
	}, no, "x")
	reg("ignored", func() int { return 1 }, celery.TaskOptions{IgnoreResult: &yes})
	reg("progress", func(ctx context.Context) (string, error) {
		r := celery.CurrentRequest(ctx)
		if err := r.UpdateState(ctx, "PROGRESS", map[string]any{"done": 1}); err != nil {
			return "", err
		}
		raw, err := store("GET", "celery-task-meta-"+r.ID)
		if err == nil {
			_, err = store("RPUSH", "progress", raw)
		}
		return "end", err
	}, celery.TaskOptions{TrackStarted: &yes})
	reg("echo", func(msg any) (any, error) {
		_, err := store("RPUSH", "echo", fmt.Sprint(msg))
		return msg, err
	}, no, "msg")
	reg("errback", func(id string) error {
		_, err := store("RPUSH", "errback", id)
		return err
	}, no, "task_id")
	reg("errback_here", func(r *celery.Request, err error, _ string, label string) error {
		var e *celery.Error
		if !errors.As(err, &e) {
			return err
		}
		_, serr := store("RPUSH", "errback", fmt.Sprint(r.ID, " ", e.Args[0], " ", label))
		return serr
	}, no, "request", "exc", "traceback", `label="none"`)
	reg("retry_args", func(ctx context.Context, x, y int, label any) (any, error) {
		if r := celery.CurrentRequest(ctx); r.Retries == 0 {
			return nil, r.Retry(ctx, celery.RetryOptions{Args: []any{x + 1, y + 1}, Countdown: 10 * time.Millisecond})
		}
		return []any{x, y, label}, nil
	}, celery.TaskOptions{MaxRetries: &one}, "x", "y", "label=None")
	reg("retry_kwargs", func(ctx context.Context, x, y int) (any, error) {
		if r := celery.CurrentRequest(ctx); r.Retries == 0 {
			return nil, r.Retry(ctx, celery.RetryOptions{Kwargs: map[string]any{"x": x + 1}, Countdown: 10 * time.Millisecond})
		}
		return []any{x, y}, nil
	}, celery.TaskOptions{MaxRetries: &one}, "x", "y")
	reg("request", func(ctx context.Context) any {
		r := celery.CurrentRequest(ctx)
		p := r.Properties()
		delete(p, "delivery_tag")
		delete(p, "reply_to")
		hard, soft := r.TimeLimits()
		return []any{p, r.DeliveryInfo(), r.ReplacedTaskNesting(), []any{int(hard.Seconds()), int(soft.Seconds())}}
	}, no)
	reg("signatures", func() []any {
		add := func(args ...any) *celery.Signature { return sig("add", args...) }
		return []any{add(1), map[string]any{"nested": celery.Chain(add(1, 2), celery.Group(add(3), add(4)))},
			celery.Chord([]*celery.Signature{add(1, 2)}, sig("xsum"))}
	}, no)
	reg("sleep", func(ctx context.Context, s float64) (string, error) {
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(time.Duration(s * float64(time.Second))):
			return "slept", nil
		}
	}, no, "s")
	reg("reject", func(requeue bool) (any, error) {
		if requeue {
			if n, err := redis.Int(store("INCR", "reject")); err != nil || n > 1 {
				return "second", err
			}
		}
		return nil, &celery.Reject{Reason: "no", Requeue: requeue}
	}, celery.TaskOptions{AcksLate: true}, "requeue")
	reg("ignore", func() error { return celery.Ignore }, no)
	waitForLimit := func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }
	reg("wait_for_limit", waitForLimit, no)
	reg("catch_limit", func(ctx context.Context) string { <-ctx.Done(); return "caught" }, no)
	reg("no_ack_on_failure", func() error { return celery.Errorf("ValueError", "no") }, celery.TaskOptions{AcksLate: true, AcksOnFailure: new(bool)})
	reg("no_ack_on_timeout", func(ctx context.Context) error {
		if n, err := redis.Int(store("INCR", "timeouts")); err != nil || n > 1 {
			return err
		}
		return waitForLimit(ctx)
	}, celery.TaskOptions{AcksLate: true, AcksOnTimeout: new(bool), TimeLimit: time.Second})
	reg("backoff", func(ctx context.Context) error {
		if celery.CurrentRequest(ctx).Retries == 0 {
			return celery.Errorf("ValueError", "again")
		}
		return celery.Errorf("KeyError", "enough")
	}, celery.TaskOptions{AutoretryFor: []error{celery.Exception("ValueError")}, DontAutoretryFor: []error{celery.Exception("KeyError")},
		RetryBackoff: time.Second, RetryJitterOff: true, MaxRetries: &three})
	reg("limited", func() int { return 1 }, celery.TaskOptions{RateLimit: "2/s"})
	for _, name := range []string{"hourly", "daily"} {
		reg(name, func(label string) error {
			_, err := store("RPUSH", "hourly", label)
			return err
		}, celery.TaskOptions{RateLimit: "1/h"}, "label")
	}
	reg("late", late(broker), celery.TaskOptions{AcksLate: true})
	reg("send_expiring", func(ctx context.Context) error {
		_, err := sig("add", 1, []any{2}).ApplyAsync(ctx, nil, nil, celery.Options{ExpiresIn: time.Minute, Queue: "parked"})
		if err == nil {
			_, err = app.SendTask(ctx, "suite.add", []any{1, []any{2, 3}}, map[string]any{"z": 1},
				celery.Options{ExpiresIn: -5 * time.Second, Queue: "parked", ArgsRepr: "hidden"})
		}
		if err == nil {
			_, err = app.SendTask(ctx, "suite.add", []any{1, "x"}, nil, celery.Options{Queue: "parked"})
		}
		return err
	}, no)
	reg("send_child", func(ctx context.Context, priority *int) error {
		_, err := app.SendTask(ctx, "suite.add", []any{1, 2}, nil, celery.Options{Queue: "parked", Priority: priority})
		return err
	}, no, "priority")
	given := func(v any, use func(*celery.Signature) error) error {
		s, err := app.SignatureFrom(v)
		if err != nil {
			return err
		}
		return use(s)
	}
	reg("call_given", func(ctx context.Context, v any) error {
		return given(v, func(s *celery.Signature) error {
			_, err := s.ApplyAsync(ctx, nil, nil, celery.Options{})
			return err
		})
	}, no, "sig")
	reg("replace_given", func(ctx context.Context, v any) error {
		return given(v, func(s *celery.Signature) error { return celery.CurrentRequest(ctx).Replace(ctx, s) })
	}, no, "sig")
	reg("join_given", func(ctx context.Context, v any) error {
		return given(v, func(s *celery.Signature) error {
			_, err := celery.CurrentRequest(ctx).AddToChord(ctx, s)
			return err
		})
	}, no, "sig")
	reg("ignored_failure", func() error { return celery.Errorf("ValueError", "kept") }, celery.TaskOptions{IgnoreResult: &yes})
	reg("stubborn", func(ctx context.Context) {
		<-ctx.Done()
		<-t.Context().Done()
	}, no)
	reg("children", func(ctx context.Context) (string, error) {
		if _, err := sig("add", 1, 1).Delay(ctx); err != nil {
			return "", err
		}
		_, err := celery.Group(sig("add", 1, 2), sig("add", 1, 3)).Delay(ctx)
		return "sent", err
	}, no)
}

// observed is what testdata/drive.py prints.
type observed struct {
	Checks  map[string]json.RawMessage
	Events  map[string]json.RawMessage
	Workers map[string]json.RawMessage
	Control map[string]json.RawMessage
}

// TestSameAsPython drives the same calls, from Celery's own client, against Celery's worker and this one, and compares
// what the client reads, what Redis holds, and the events that were sent.
func TestSameAsPython(t *testing.T) {
	t.Parallel()
	drive := func(start func(t *testing.T, broker string)) observed {
		var o observed
		broker := testenv.StartRedis(t).URL(0)
		start(t, broker)
		unmarshal(t, python(t, broker, "drive.py"), &o)
		return o
	}
	var py, own observed
	done := make(chan struct{})
	go func() {
		defer close(done)
		py = drive(func(t *testing.T, broker string) { pythonWorker(t, broker, "-E") })
	}()
	own = drive(func(t *testing.T, broker string) {
		app := newApp(t, celery.Config{Name: "suite", Broker: broker, ResultBackend: broker, ResultExtended: true})
		registerSuite(t, app, broker)
		runWorker(t, app, celery.WorkerOptions{Concurrency: 4, Hostname: "w@h", TaskEvents: true})
	})
	<-done
	compareObserved(t, py, own)
}

// TestMoreSameAsPython is the same for what needs a Python worker that forks: limits, the pool, terminate, settings.
func TestMoreSameAsPython(t *testing.T) {
	t.Parallel()
	drive := func(start func(broker string)) observed {
		var o observed
		broker := testenv.StartRedis(t).URL(0)
		start(broker)
		unmarshal(t, python(t, broker, "more.py"), &o)
		return o
	}
	var py, own observed
	done := make(chan struct{})
	go func() {
		defer close(done)
		py = drive(func(broker string) { pythonWorker(t, broker, "-E", "-P", "prefork", "-c", "3") })
	}()
	own = drive(func(broker string) {
		app := newApp(t, celery.Config{Name: "suite", Broker: broker, ResultBackend: broker, ResultExtended: true})
		registerSuite(t, app, broker)
		runWorker(t, app, celery.WorkerOptions{Concurrency: 3, Hostname: "w@h", TaskEvents: true})
	})
	<-done
	compareObserved(t, py, own)
}

// TestSettingsSameAsPython compares workers with settings that others do not have, and with time limits from their
// command line.
func TestSettingsSameAsPython(t *testing.T) {
	t.Parallel()
	const settings = `{"task_inherit_parent_priority": true, "worker_direct": true, "result_failure_expires": 500, "result_chord_expires": 600,
		"task_store_errors_even_if_ignored": true, "worker_eta_task_limit": 14, "worker_pool_restarts": true,
		"task_annotations": {"suite.hourly": {"rate_limit": "2/h", "default_retry_delay": 5, "acks_late": true},
			"suite.add": {"max_retries": 9}, "*": {"default_retry_delay": 7, "priority": 0}}}`
	theirs, ours := testenv.StartRedis(t).URL(0), testenv.StartRedis(t).URL(0)
	var py, got observed
	done := make(chan struct{})
	go func() {
		defer close(done)
		pythonWorkerWith(t, theirs, settings, "-P", "prefork", "-c", "3", "--time-limit", "4", "--soft-time-limit", "2")
		unmarshal(t, python(t, theirs, "settings.py"), &py)
	}()
	conf := celery.Config{Name: "suite", Broker: ours, ResultBackend: ours, ResultExtended: true}
	var own map[string]any
	unmarshal(t, []byte(settings), &own)
	if err := conf.ApplySettings(own); err != nil {
		t.Fatal(err)
	}
	app := newApp(t, conf)
	registerSuite(t, app, ours)
	runWorker(t, app, celery.WorkerOptions{Concurrency: 3, Hostname: "w@h", TimeLimit: 4 * time.Second, SoftTimeLimit: 2 * time.Second})
	unmarshal(t, python(t, ours, "settings.py"), &got)
	<-done
	for _, name := range []string{"inherited_priority", "worker_direct", "expiry", "errors_of_ignored", "soft_limit_of_worker", "hard_limit_of_worker",
		"limit_of_task", "patterns", "reset_rate_limits", "annotations", "waiting_for_a_rate", "pool_restart", "eta_limit"} {
		var w, g any
		unmarshal(t, py.Checks[name], &w)
		unmarshal(t, got.Checks[name], &g)
		if diff := cmp.Diff(w, g); diff != "" {
			t.Errorf("%s: Python (-) and Go (+) differ:\n%s", name, diff)
		}
		t.Logf("%s: %s", name, py.Checks[name])
	}
}

func compareObserved(t *testing.T, py, own observed) {
	t.Helper()
	compare := func(t *testing.T, kind string, want, got map[string]json.RawMessage) {
		if len(want) == 0 {
			t.Fatalf("no %s were observed with the Python worker", kind)
		}
		for name := range want {
			t.Run(kind+"/"+name, func(t *testing.T) {
				var w, g any
				unmarshal(t, want[name], &w)
				if got[name] == nil {
					t.Fatal("not observed with the Go worker")
				}
				unmarshal(t, got[name], &g)
				if diff := cmp.Diff(w, g); diff != "" {
					t.Errorf("Python (-) and Go (+) differ:\n%s", diff)
				}
			})
		}
	}
	compare(t, "checks", py.Checks, own.Checks)
	compare(t, "events", py.Events, own.Events)
	if py.Control != nil {
		compare(t, "workers", py.Workers, own.Workers)
		compare(t, "control", py.Control, own.Control)
	}
}
