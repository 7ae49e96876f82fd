package celery_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"healpipe/celery"
	"healpipe/internal/testenv"
)

func dial(t testing.TB, url string) redis.Conn {
	t.Helper()
	c, err := redis.DialURL(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func length(t testing.TB, c redis.Conn, cmd, key string) int {
	t.Helper()
	n, err := redis.Int(c.Do(cmd, key))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A warm shutdown returns what has not started before the running task ends, answers ping meanwhile, and acknowledges.
func TestWarmShutdown(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	c := dial(t, url)
	app := newApp(t, celery.Config{Broker: url})
	block, started := make(chan struct{}), make(chan struct{}, 8)
	hold := app.MustRegister("hold", func(ctx context.Context, i int) { started <- struct{}{}; <-block }, celery.TaskOptions{AcksLate: true})
	w := runWorker(t, app, celery.WorkerOptions{Concurrency: 1, Hostname: "w@h"})
	ctx := t.Context()
	for i := range 3 {
		if _, err := hold.Delay(ctx, i); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := hold.ApplyAsync(ctx, []any{9}, nil, celery.Options{Countdown: time.Hour}); err != nil {
		t.Fatal(err)
	}
	<-started
	goodbye := redis.PubSubConn{Conn: dial(t, url)}
	if err := goodbye.Subscribe("/0.celeryev/worker.offline"); err != nil {
		t.Fatal(err)
	}
	// said reports whether the worker has said goodbye so far.
	said := func() bool {
		if err := goodbye.Ping(""); err != nil {
			t.Fatal(err)
		}
		for found := false; ; {
			switch r := goodbye.Receive().(type) {
			case redis.Message:
				found = true
			case redis.Pong:
				return found
			case error:
				t.Fatal(r)
			}
		}
	}
	testenv.WaitFor(t, time.Minute, "all messages to be held", func() bool { return length(t, c, "HLEN", "unacked") == 4 })
	w.Warm()
	testenv.WaitFor(t, time.Minute, "waiting messages to be given back", func() bool { return length(t, c, "LLEN", "celery") == 3 })
	if n := length(t, c, "HLEN", "unacked"); n != 1 {
		t.Errorf("%d messages unacknowledged while one task runs", n)
	}
	if pong, err := app.Control().Ping(ctx, celery.BroadcastOptions{Destination: []string{"w@h"}, Timeout: time.Minute}); err != nil || len(pong) != 1 {
		t.Errorf("ping during the drain: %v %v", pong, err)
	}
	if said() {
		t.Error("worker-offline while a task runs")
	}
	close(block)
	w.end(t)
	if !said() {
		t.Error("no worker-offline at the end")
	}
	if n := length(t, c, "HLEN", "unacked"); n != 0 || w.ExitCode() != 0 {
		t.Errorf("unacknowledged %d, exit code %d", n, w.ExitCode())
	}
}

// A cold shutdown cancels the running task and gives its message back.
func TestColdShutdown(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	c := dial(t, url)
	app := newApp(t, celery.Config{Broker: url})
	started, cause := make(chan struct{}), make(chan error, 1)
	task := app.MustRegister("long", func(ctx context.Context) error {
		close(started)
		<-ctx.Done()
		cause <- context.Cause(ctx)
		return ctx.Err()
	}, celery.TaskOptions{AcksLate: true})
	w := runWorker(t, app, celery.WorkerOptions{Concurrency: 1})
	if _, err := task.Delay(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-started
	w.Warm()
	w.Cold()
	w.end(t)
	if err := <-cause; err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("cause of the cancelled context: %v", err)
	}
	if n := length(t, c, "LLEN", "celery"); n != 1 || w.ExitCode() != 1 {
		t.Errorf("%d messages given back, exit code %d", n, w.ExitCode())
	}
}

// While the broker is away a cold shutdown does not wait for it, nor a warm one once its task has returned; what is held
// stays unacknowledged and is worked on when the broker is back.
func TestShutdownWithoutBroker(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"cold", "warm"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			srv := testenv.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
			url := srv.URL(0)
			app := newApp(t, celery.Config{Broker: url, ResultBackend: url})
			started, release := make(chan struct{}, 3), make(chan struct{})
			task := func(ctx context.Context) string {
				started <- struct{}{}
				select {
				case <-ctx.Done():
				case <-release:
				}
				return "done"
			}
			late := app.MustRegister("late", task, celery.TaskOptions{AcksLate: true})
			early := app.MustRegister("early", task)
			w := runWorker(t, app, celery.WorkerOptions{Concurrency: 2})
			res, err := late.Delay(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := early.Delay(t.Context()); err != nil {
				t.Fatal(err)
			}
			<-started
			<-started
			srv.Kill()
			testenv.WaitFor(t, time.Minute, "the loss to be noticed", func() bool { return w.log.has("Connection to broker lost") })
			began := time.Now()
			if how == "cold" {
				w.Warm()
				w.Cold()
			} else {
				w.Warm()
				close(release)
			}
			w.end(t)
			took := time.Since(began)
			t.Logf("%s shutdown took %v", how, took)
			if took > 20*time.Second { // with waits for each step it was 40 s
				t.Errorf("%s shutdown took %v", how, took)
			}
			if !w.log.has("The broker is away, not waiting for it: ") {
				t.Error("no line says what is left unacknowledged")
			}
			if how == "cold" {
				close(release)
			}
			srv.Start()
			runWorker(t, app, celery.WorkerOptions{Concurrency: 2})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			if v, err := res.Get(ctx); err != nil || v != "done" {
				t.Errorf("the late task after the broker's return: %v %v", v, err)
			}
		})
	}
}

// Messages that are no tasks are logged in Celery's words and never stop the worker.
func TestBadMessages(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	c := dial(t, url)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: url})
	add := app.MustRegister("add", func(x, y int) int { return x + y })
	w := runWorker(t, app, celery.WorkerOptions{Concurrency: 2})
	envelope := func(body, headers, contentType string) string {
		return `{"body":"` + body + `","content-encoding":"utf-8","content-type":"` + contentType + `","headers":` + headers +
			`,"properties":{"delivery_info":{"exchange":"","routing_key":"celery"},"delivery_tag":"t` + contentType + body + `","body_encoding":"utf-8"}}`
	}
	for _, tc := range []struct{ element, log string }{
		{envelope(`[1, 2`, `{"task":"add","id":"a"}`, "application/json"), "Can't decode message body"},
		{envelope(`[[1]]`, `{"task":"add","id":"b"}`, "application/json"), "Received invalid task message"},
		{envelope(`{}`, `{}`, "application/json"), "Received and deleted unknown message.  Wrong destination?!?"},
		{envelope(`x`, `{"task":"add","id":"c"}`, "application/x-python-serialize"), "Received invalid task message: "},
		{envelope(`[[],{},{}]`, `{"task":"nope","id":"d"}`, "application/json"), "Received unregistered task of type 'nope'"},
		{envelope(`[[],{},{}]`, `{"task":"add","id":"e","eta":"soon"}`, "application/json"), "invalid ETA value 'soon'"},
		{`not json`, ""},
	} {
		if _, err := c.Do("LPUSH", "celery", tc.element); err != nil {
			t.Fatal(err)
		}
		testenv.WaitFor(t, time.Minute, "the log to say "+tc.log, func() bool { return w.log.has(tc.log) })
	}
	res, err := add.Delay(t.Context(), 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if v, err := res.Get(ctx); err != nil || v != int64(3) {
		t.Errorf("the good message after the bad ones: %v %v", v, err)
	}
	testenv.WaitFor(t, time.Minute, "nothing to be left", func() bool {
		return length(t, c, "LLEN", "celery")+length(t, c, "HLEN", "unacked") == 0
	})
}

// The time limits: the soft one ends the context, the hard one the task, whose slot is free again.
func TestTimeLimits(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: url})
	release := make(chan struct{})
	soft := app.MustRegister("soft", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, celery.TaskOptions{SoftTimeLimit: 50 * time.Millisecond})
	hard := app.MustRegister("hard", func() { <-release }, celery.TaskOptions{TimeLimit: 50 * time.Millisecond, AcksLate: true})
	boom := app.MustRegister("boom", func() { panic("out of cheese") })
	runWorker(t, app, celery.WorkerOptions{Concurrency: 1})
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for _, tc := range []struct {
		task  *celery.Task
		class string
	}{{hard, "billiard.exceptions.TimeLimitExceeded"}, {soft, "billiard.exceptions.SoftTimeLimitExceeded"}, {boom, "RuntimeError"}} {
		res, err := tc.task.Delay(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := res.Get(ctx); !errors.Is(err, celery.Exception(tc.class)) {
			t.Errorf("%s: got %v, want %s", tc.task.Name, err, tc.class)
		}
	}
}

// What is taken for something else or has no effect is said once, in the log.
func TestPoolIsSaid(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	asked := runWorker(t, newApp(t, celery.Config{Broker: url}), celery.WorkerOptions{Hostname: "a@h", Concurrency: 3, Pool: "prefork", MaxTasksPerChild: 5, MaxMemoryPerChild: 1000})
	plain := runWorker(t, newApp(t, celery.Config{Broker: url}), celery.WorkerOptions{Hostname: "b@h", Concurrency: 3})
	for _, text := range []string{"Pool prefork: tasks run as goroutines of this process, 3 at a time", "max-tasks-per-child and max-memory-per-child have no effect"} {
		if n := strings.Count(asked.log.String(), text); n != 1 {
			t.Errorf("%q: %d times", text, n)
		}
		if start, _, _ := strings.Cut(text, " "); plain.log.has(start) {
			t.Errorf("%q in the log of a worker that was not asked", start)
		}
	}
}

// Canvases made in Go run as they do from Python.
func TestGoClient(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: url})
	registerSuite(t, app, url)
	runWorker(t, app, celery.WorkerOptions{Concurrency: 4, Hostname: "w@h"})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	s := func(name string, args ...any) *celery.Signature { return app.Signature("suite."+name, args...) }
	for name, tc := range map[string]struct {
		sig  *celery.Signature
		want any
	}{
		"chain":             {celery.Chain(s("add", 1, 2), s("add", 3)), int64(6)},
		"chord":             {celery.Chord([]*celery.Signature{s("add", 1, 1), s("add", 2, 2)}, s("xsum")), int64(6)},
		"group in a chain":  {celery.Chain(s("add", 1, 1), celery.Group(s("add", 1), s("add", 2)), s("xsum"), s("add", 10)), int64(17)},
		"replaced":          {s("replace_chain", 1), int64(12)},
		"retried":           {s("retry_once"), int64(1)},
		"chord of chords":   {celery.Chord([]*celery.Signature{celery.Chord([]*celery.Signature{s("add", 1, 1)}, s("xsum")), s("add", 5, 5)}, s("xsum")), int64(12)},
		"chord, empty head": {celery.Chord(nil, s("xsum")), int64(0)},
	} {
		res, err := tc.sig.Delay(ctx)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := res.Get(ctx); err != nil || got != tc.want {
			t.Errorf("%s: got %v %v, want %v", name, got, err, tc.want)
		}
	}
	stats, err := app.Control().Inspect(celery.BroadcastOptions{Timeout: time.Minute, Limit: 1}).Stats(ctx)
	if err != nil || stats["w@h"] == nil {
		t.Errorf("stats: %v %v", stats, err)
	}
}

// Events reach a Go monitor, single ones and batches alike.
func TestCaptureEvents(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Broker: url})
	add := app.MustRegister("add", func(x, y int) int { return x + y })
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	seen := make(chan string, 100)
	ended := make(chan error, 1)
	runWorker(t, app, celery.WorkerOptions{TaskEvents: true})
	go func() {
		ended <- app.CaptureEvents(ctx, true, func(e map[string]any) { seen <- e["type"].(string) })
	}()
	want := map[string]bool{"worker-heartbeat": true, "task-received": true, "task-started": true, "task-succeeded": true}
	for len(want) > 0 {
		select {
		case typ := <-seen:
			if typ == "worker-heartbeat" && want[typ] {
				if _, err := add.Delay(ctx, 1, 2); err != nil {
					t.Fatal(err)
				}
			}
			delete(want, typ)
		case <-ctx.Done():
			t.Fatalf("not seen: %v", want)
		}
	}
	cancel()
	<-ended
}
