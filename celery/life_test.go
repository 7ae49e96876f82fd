package celery_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"healpipe/celery"
	"healpipe/internal/testenv"
)

func to(node string) celery.BroadcastOptions {
	return celery.BroadcastOptions{Destination: []string{node}, Timeout: time.Minute, Reply: true}
}

// A rate limit spaces the starts of one task, leaves others alone, and can be lifted for what comes afterwards.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: url})
	starts := make(chan time.Time, 20)
	limited := app.MustRegister("limited", func() { starts <- time.Now() }, celery.TaskOptions{RateLimit: "20/s"})
	free := app.MustRegister("free", func() {})
	runWorker(t, app, celery.WorkerOptions{Concurrency: 4, Hostname: "w@h"})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	asked := time.Now()
	for range 4 {
		if _, err := limited.Delay(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		<-starts
	}
	if took := (<-starts).Sub(asked); took < 140*time.Millisecond {
		t.Errorf("four starts at 20/s within %v", took)
	}
	if _, err := app.Control().RateLimit(ctx, "limited", "1/h", to("w@h")); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := limited.Delay(ctx); err != nil {
			t.Fatal(err)
		}
	}
	res, err := free.Delay(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := res.Get(ctx); err != nil {
		t.Fatalf("a task without a limit waits behind one with it: %v", err)
	}
	if n := len(starts); n > 1 {
		t.Errorf("%d starts at 1/h", n)
	}
	if _, err := app.Control().RateLimit(ctx, "limited", "0", to("w@h")); err != nil {
		t.Fatal(err)
	}
	res, err = limited.Delay(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := res.Get(ctx); err != nil {
		t.Fatalf("a task waits after the limit was lifted: %v", err)
	}
}

// A time limit changed by remote control holds for the tasks that start afterwards, as Celery's guide promises ("only tasks that
// start executing after the time limit change"), not for the one that runs; lifted, it holds for none. A message's own limits win.
func TestTimeLimitChangedAtRunTime(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: url})
	started, release := make(chan struct{}, 8), make(chan struct{})
	hold := app.MustRegister("hold", func(ctx context.Context) (string, error) {
		started <- struct{}{}
		select {
		case <-release:
			return "released", nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	})
	runWorker(t, app, celery.WorkerOptions{Concurrency: 4, Hostname: "w@h"})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	change := func(soft, hard any) {
		t.Helper()
		reply, err := app.Control().Broadcast(ctx, "time_limit", map[string]any{"task_name": "hold", "soft": soft, "hard": hard}, to("w@h"))
		if err != nil || !strings.Contains(fmt.Sprint(reply), "time limits set successfully") {
			t.Fatalf("%v %v", reply, err)
		}
	}
	begin := func(opts celery.Options) *celery.AsyncResult {
		t.Helper()
		res, err := hold.ApplyAsync(ctx, nil, nil, opts)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-started:
		case <-ctx.Done():
			t.Fatal("the task did not start")
		}
		return res
	}
	ends := func(what, class string, res *celery.AsyncResult) {
		t.Helper()
		if v, err := res.Get(ctx); !errors.Is(err, celery.Exception(class)) {
			t.Errorf("%s: %v %v, want %s", what, v, err, class)
		}
	}
	first := begin(celery.Options{})
	change(0.02, nil)
	ends("soft limit", "billiard.exceptions.SoftTimeLimitExceeded", begin(celery.Options{}))
	change(nil, 0.02)
	ends("hard limit", "billiard.exceptions.TimeLimitExceeded", begin(celery.Options{}))
	long := begin(celery.Options{TimeLimit: time.Hour, SoftTimeLimit: time.Hour})
	change(nil, nil)
	free := begin(celery.Options{})
	ends("limit of the message", "billiard.exceptions.TimeLimitExceeded", begin(celery.Options{TimeLimit: 20 * time.Millisecond}))
	close(release)
	for what, res := range map[string]*celery.AsyncResult{"the task that ran before the change": first, "a message with longer limits": long, "after the limit was lifted": free} {
		if v, err := res.Get(ctx); err != nil || v != "released" {
			t.Errorf("%s: %v %v", what, v, err)
		}
	}
}

// Terminate ends a running task, frees its slot and makes its state REVOKED, as Celery's terminated child does. A flag may
// come as a number, as any value does for Python.
func TestTerminate(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: url})
	started, cause := make(chan struct{}, 8), make(chan error, 8)
	long := app.MustRegister("long", func(ctx context.Context) {
		started <- struct{}{}
		<-ctx.Done()
		cause <- context.Cause(ctx)
	}, celery.TaskOptions{AcksLate: true})
	quick := app.MustRegister("quick", func() int { return 1 })
	runWorker(t, app, celery.WorkerOptions{Concurrency: 1, Hostname: "w@h"})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ask := func(method string, args map[string]any) (string, error) {
		reply, err := app.Control().Broadcast(ctx, method, args, to("w@h"))
		return fmt.Sprint(reply), err
	}
	for _, tc := range []struct {
		name string
		end  func(res *celery.AsyncResult) error
	}{
		{"revoke with terminate=1", func(res *celery.AsyncResult) error {
			_, err := ask("revoke", map[string]any{"task_id": res.ID, "terminate": 1, "signal": "SIGTERM"})
			return err
		}},
		{"revoke_by_stamped_headers with terminate=1", func(*celery.AsyncResult) error {
			_, err := ask("revoke_by_stamped_headers", map[string]any{"headers": map[string]any{"owner": "me"}, "terminate": 1})
			return err
		}},
		{"AsyncResult.Revoke", func(res *celery.AsyncResult) error { return res.Revoke(ctx, true) }},
	} {
		opts := celery.Options{}
		if strings.Contains(tc.name, "stamped") {
			opts.Stamps = map[string]any{"owner": "me"}
		}
		res, err := long.ApplyAsync(ctx, nil, nil, opts)
		if err != nil {
			t.Fatal(err)
		}
		<-started
		if reply, err := ask("revoke", map[string]any{"task_id": res.ID, "terminate": 0}); err != nil || !strings.Contains(reply, "flagged as revoked") {
			t.Fatalf("terminate=0: %s %v", reply, err)
		}
		if err := tc.end(res); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-cause:
			if !errors.Is(err, celery.Exception("TaskRevokedError")) && !errors.Is(err, celery.Exception("celery.exceptions.TaskRevokedError")) {
				t.Errorf("%s: cause of the terminated task's context: %v", tc.name, err)
			}
		case <-ctx.Done():
			t.Fatalf("%s: the task was not terminated", tc.name)
		}
		testenv.WaitFor(t, time.Minute, "REVOKED", func() bool { s, _ := res.State(ctx); return s == celery.StateRevoked })
		next, err := quick.Delay(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := next.Get(ctx); err != nil {
			t.Errorf("%s: the slot is not free: %v", tc.name, err)
		}
	}
	c := dial(t, url)
	testenv.WaitFor(t, time.Minute, "acknowledgements", func() bool { return length(t, c, "HLEN", "unacked") == 0 })
}

// A retry's state and event are out before its message: another worker can take that, run and end at once, and what
// clients and monitors see last must be that end.
func TestRetryIsAnnouncedFirst(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: url})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	task := app.MustRegister("again", func(ctx context.Context) error {
		return celery.CurrentRequest(ctx).Retry(ctx, celery.RetryOptions{Now: true, Options: celery.Options{Queue: "parked"}})
	})
	runWorker(t, app, celery.WorkerOptions{Hostname: "w@h", TaskEvents: true})
	commands := monitor(t, url)
	res, err := task.Delay(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for len(got) < 3 {
		select {
		case c := <-commands:
			switch {
			case strings.Contains(c, res.ID) && strings.Contains(c, `"SETEX"`) && strings.Contains(c, "RETRY"):
				if got = append(got, "state"); !strings.Contains(c, "children") || strings.Count(c, res.ID) != 3 { // key, task_id, child
					t.Errorf("the retry is not a child of the task in its state, as in Celery: %s", c)
				}
			case strings.Contains(c, "task.multi") && strings.Contains(monitoredBody(c), "task-retried"):
				got = append(got, "event")
			case strings.Contains(c, `"LPUSH" "parked"`):
				got = append(got, "message")
			}
		case <-ctx.Done():
			t.Fatalf("seen within two minutes: %q", got)
		}
	}
	if want := []string{"state", "event", "message"}; !slices.Equal(got, want) {
		t.Errorf("order %q, want %q", got, want)
	}
}

// A task that waits for its time is shown with its arguments, can be revoked, and runs with them when it is due.
func TestWaitingForETA(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: url})
	join := app.MustRegister("join", func(a, b string) string { return a + b }, celery.TaskOptions{Params: []string{"a", "b"}})
	runWorker(t, app, celery.WorkerOptions{Hostname: "w@h"})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	send := func(a string, wait time.Duration) *celery.AsyncResult {
		res, err := join.ApplyAsync(ctx, []any{a}, map[string]any{"b": "!"}, celery.Options{Countdown: wait})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	late, soon := send("late", time.Hour), send("soon", 300*time.Millisecond)
	inspect := app.Control().Inspect(to("w@h"))
	var request map[string]any
	testenv.WaitFor(t, time.Minute, "the task among the scheduled ones", func() bool {
		all, err := inspect.Scheduled(ctx)
		if err != nil {
			t.Fatal(err)
		}
		list, _ := all["w@h"].([]any)
		for _, e := range list {
			r := e.(map[string]any)["request"].(map[string]any)
			if r["id"] == late.ID {
				request = r
			}
		}
		return request != nil
	})
	if args := request["args"].([]any); len(args) != 1 || args[0] != "late" || request["kwargs"].(map[string]any)["b"] != "!" {
		t.Errorf("inspect scheduled: %v", request)
	}
	if found, err := inspect.QueryTask(ctx, late.ID); err != nil || found["w@h"].(map[string]any)[late.ID].([]any)[0] != "scheduled" {
		t.Errorf("query_task: %v %v", found, err)
	}
	if v, err := soon.Get(ctx); err != nil || v != "soon!" {
		t.Errorf("got %v %v", v, err)
	}
	revoked := send("revoked", 2*time.Second)
	if err := revoked.Revoke(ctx, false); err != nil {
		t.Fatal(err)
	}
	if _, err := revoked.Get(ctx); !errors.Is(err, celery.Exception("celery.exceptions.TaskRevokedError")) {
		t.Errorf("a revoked waiting task: %v", err)
	}
}

// Stamped headers that were revoked discard later tasks that carry them, and only those.
func TestRevokeByStamps(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: url})
	registerSuite(t, app, url)
	w := runWorker(t, app, celery.WorkerOptions{Hostname: "w@h"})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := app.Control().RevokeByStampedHeaders(ctx, map[string]any{"tenant": []any{"a", "b"}}, false, "", to("w@h")); err != nil {
		t.Fatal(err)
	}
	out := python(t, url, "stamped.py")
	if want := "a REVOKED\nb REVOKED\nc 3\n"; string(out) != want {
		t.Errorf("got %q, want %q", out, want)
	}
	if !w.log.has("(revoked by header: {'tenant': 'a'})") {
		t.Error("the log does not say which header revoked the task")
	}
}

// What was revoked is known after a restart.
func TestStateDB(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: url})
	var ran atomic.Int32
	task := app.MustRegister("count", func() { ran.Add(1) })
	opts := celery.WorkerOptions{Hostname: "w@h", StateDB: filepath.Join(t.TempDir(), "state-%n")}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	w := runWorker(t, app, opts)
	id := "11111111-2222-4333-8444-555555555555"
	if _, err := app.Control().Revoke(ctx, []string{id}, false, "", to("w@h")); err != nil {
		t.Fatal(err)
	}
	w.Warm()
	w.end(t)
	res, err := task.ApplyAsync(ctx, nil, nil, celery.Options{TaskID: id})
	if err != nil {
		t.Fatal(err)
	}
	w = runWorker(t, app, opts)
	if _, err := res.Get(ctx); err == nil || ran.Load() != 0 {
		t.Errorf("the task ran %d times, result %v", ran.Load(), err)
	}
	w.Warm()
	w.end(t)
	if err := os.WriteFile(filepath.Join(filepath.Dir(opts.StateDB), "state-w"), []byte("not ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	opts.LogWriter, opts.Stdout = w.log, w.log
	if err := app.Worker(opts).Run(ctx); err == nil {
		t.Error("a state file that is none was accepted")
	}
}

// A soft shutdown lets a task end that does so in time, then cancels what still runs and gives it back.
func TestSoftShutdown(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	const timeout = 2 * time.Second
	app := newApp(t, celery.Config{Broker: url, WorkerSoftShutdown: timeout})
	started, ended, stopping := make(chan bool, 2), make(chan time.Time, 2), make(chan struct{})
	task := app.MustRegister("work", func(ctx context.Context, ends bool) {
		started <- ends
		end := stopping
		if !ends {
			end = nil
		}
		select {
		case <-ctx.Done():
			ended <- time.Now()
		case <-end:
		}
	}, celery.TaskOptions{AcksLate: true})
	w := runWorker(t, app, celery.WorkerOptions{Concurrency: 2})
	for _, ends := range []bool{true, false} {
		if _, err := task.Delay(t.Context(), ends); err != nil {
			t.Fatal(err)
		}
	}
	<-started
	<-started
	asked := time.Now()
	w.Soft()
	close(stopping)
	w.end(t)
	if took := (<-ended).Sub(asked); took < timeout {
		t.Errorf("the long task was cancelled after %v", took)
	}
	c := dial(t, url)
	if n := length(t, c, "LLEN", "celery"); n != 1 || length(t, c, "HLEN", "unacked") != 0 {
		t.Errorf("%d messages given back, want the long task's", n)
	}
	if !w.log.has("Initiating Soft Shutdown, terminating in 2 seconds") {
		t.Error("no line about the soft shutdown")
	}
}

// Autoscale grows the pool to its load, within the limits that remote control may change.
func TestAutoscale(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Broker: url})
	block, started := make(chan struct{}), make(chan struct{}, 10)
	task := app.MustRegister("hold", func() { started <- struct{}{}; <-block })
	w := runWorker(t, app, celery.WorkerOptions{Hostname: "w@h", Autoscale: [2]int{3, 1}})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for range 4 {
		if _, err := task.Delay(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		select {
		case <-started:
		case <-ctx.Done():
			t.Fatal("the pool did not grow")
		}
	}
	if !w.log.has("Scaling up 2 processes.") {
		t.Error("no line about scaling up")
	}
	reply, err := app.Control().Autoscale(ctx, 2, 2, to("w@h"))
	if err != nil || len(reply) != 1 {
		t.Fatalf("autoscale: %v %v", reply, err)
	}
	stats, err := app.Control().Inspect(to("w@h")).Stats(ctx)
	if err != nil {
		t.Fatal(err)
	}
	pool := stats["w@h"].(map[string]any)["pool"].(map[string]any)
	if pool["max-concurrency"] != int64(2) {
		t.Errorf("pool after the limit: %v", pool)
	}
	close(block)
	<-started
}

// After the broker was away the worker consumes again, and a task that ran meanwhile is stored and acknowledged.
func TestReconnect(t *testing.T) {
	t.Parallel()
	srv := testenv.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	url := srv.URL(0)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: url})
	block, started := make(chan struct{}), make(chan struct{})
	hold := app.MustRegister("hold", func() string { close(started); <-block; return "held" }, celery.TaskOptions{AcksLate: true})
	add := app.MustRegister("add", func(x, y int) int { return x + y })
	w := runWorker(t, app, celery.WorkerOptions{Concurrency: 2, Hostname: "w@h"})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	held, err := hold.Delay(ctx)
	if err != nil {
		t.Fatal(err)
	}
	<-started
	srv.Kill()
	testenv.WaitFor(t, time.Minute, "the loss to be noticed", func() bool { return w.log.has("Connection to broker lost") })
	srv.Start()
	close(block)
	var res *celery.AsyncResult
	testenv.WaitFor(t, time.Minute, "a task to be sent", func() bool { res, err = add.Delay(ctx, 1, 2); return err == nil })
	if v, err := res.Get(ctx); err != nil || v != int64(3) {
		t.Errorf("after the restart: %v %v", v, err)
	}
	testenv.WaitFor(t, time.Minute, "the held task's result", func() bool { s, _ := held.State(ctx); return s == celery.StateSuccess })
	c := dial(t, url)
	testenv.WaitFor(t, time.Minute, "acknowledgements", func() bool { return length(t, c, "HLEN", "unacked") == 0 })
	testenv.WaitFor(t, time.Minute, "remote control", func() bool {
		pong, _ := app.Control().Ping(ctx, to("w@h"))
		return len(pong) == 1
	})
	testenv.WaitFor(t, time.Minute, "the peers to be asked again for what they have revoked meanwhile", func() bool {
		return strings.Count(w.log.String(), "mingle: searching for neighbors") == 2
	})
}

// A hybrid message has its task in the headers and protocol 1's object as its body.
func TestHybridMessage(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: url})
	app.MustRegister("add", func(x, y int) int { return x + y }, celery.TaskOptions{Params: []string{"x", "y"}})
	runWorker(t, app, celery.WorkerOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	id := "11111111-2222-4333-8444-555555555555"
	if _, err := dial(t, url).Do("LPUSH", "celery", `{"body":"{\"args\":[1],\"kwargs\":{\"y\":2},\"retries\":0}","content-encoding":"utf-8",`+
		`"content-type":"application/json","headers":{"task":"add","id":"`+id+`"},"properties":{"correlation_id":"`+id+`","delivery_info":`+
		`{"exchange":"","routing_key":"celery"},"delivery_tag":"t","body_encoding":"utf-8"}}`); err != nil {
		t.Fatal(err)
	}
	if v, err := app.AsyncResult(id).Get(ctx); err != nil || v != int64(3) {
		t.Errorf("got %v %v", v, err)
	}
}

// With worker_deduplicate_successful_tasks a late message that is delivered again after its success does not run again.
func TestDeduplicate(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: url, WorkerDeduplicate: true})
	var ran atomic.Int32
	count := app.MustRegister("count", func() { ran.Add(1) }, celery.TaskOptions{AcksLate: true})
	c := dial(t, url)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	res, err := count.Delay(ctx)
	if err != nil {
		t.Fatal(err)
	}
	element, err := redis.String(c.Do("LINDEX", "celery", 0))
	if err != nil {
		t.Fatal(err)
	}
	w := runWorker(t, app, celery.WorkerOptions{})
	if _, err := res.Get(ctx); err != nil {
		t.Fatal(err)
	}
	again := strings.Replace(element, `"headers": {`, `"headers": {"redelivered": true, `, 1)
	if again == element {
		t.Fatalf("no headers in %s", element)
	}
	if _, err := c.Do("LPUSH", "celery", again); err != nil {
		t.Fatal(err)
	}
	testenv.WaitFor(t, time.Minute, "the second delivery to be done with", func() bool {
		return strings.Count(w.log.String(), "received") == 2 && length(t, c, "LLEN", "celery") == 0 && length(t, c, "HLEN", "unacked") == 0
	})
	if ran.Load() != 1 {
		t.Errorf("ran %d times", ran.Load())
	}
}
