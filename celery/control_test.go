package celery_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"healpipe/celery"
	"healpipe/internal/testenv"
)

// Of several workers exactly one calls the task of an election. (Celery 5.7's own winner stops with an exception, so
// there is nothing to compare with.)
func TestElection(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: url})
	calls := make(chan string, 10)
	elected := app.MustRegister("elected", func(what string) { calls <- what })
	var workers []*running
	for _, name := range []string{"a@h", "b@h", "c@h"} {
		workers = append(workers, runWorker(t, app, celery.WorkerOptions{Hostname: name, LogLevel: celery.Debug, HeartbeatInterval: time.Second}))
	}
	for _, w := range workers {
		testenv.WaitFor(t, time.Minute, "each worker to know its peers", func() bool {
			return strings.Count(w.log.String(), "joined the party") >= len(workers)-1
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := app.Control().Election(ctx, "the-id", "task", elected.S("once")); err != nil {
		t.Fatal(err)
	}
	select {
	case what := <-calls:
		if what != "once" {
			t.Errorf("called with %q", what)
		}
	case <-ctx.Done():
		for _, w := range workers {
			t.Log(w.log.tail())
		}
		t.Fatal("nobody called the elected task")
	}
	won := 0
	for _, w := range workers {
		testenv.WaitFor(t, time.Minute, "each worker's view of the election", func() bool {
			return w.log.has("I won the election 'the-id'") || w.log.has("elected for 'the-id'")
		})
		won += strings.Count(w.log.String(), "I won the election 'the-id'")
	}
	if won != 1 || len(calls) != 0 {
		t.Errorf("%d winners, %d further calls", won, len(calls))
	}
}

// The commands whose answers are each program's own: their form, and what they do.
func TestOwnAnswers(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: url})
	app.RegisterControl(celery.ControlCommand{Name: "double", Run: func(_ context.Context, _ *celery.Worker, args map[string]any) (any, error) {
		n, _ := args["n"].(int64)
		return map[string]any{"ok": 2 * n}, nil
	}})
	w := runWorker(t, app, celery.WorkerOptions{Hostname: "w@h"})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ask := func(method string, args map[string]any) any {
		t.Helper()
		replies, err := app.Control().Inspect(to("w@h")).Call(ctx, method, args)
		if err != nil {
			t.Fatal(err)
		}
		return replies["w@h"]
	}
	for _, method := range []string{"memsample", "memdump"} {
		if s, _ := ask(method, nil).(string); !strings.HasSuffix(s, "MB") {
			t.Errorf("%s: %q", method, s)
		}
	}
	report, _ := ask("report", nil).(map[string]any)["ok"].(string)
	if !strings.Contains(report, "software -> celery:") || !strings.Contains(report, "broker_url: 'redis://:********@") {
		t.Errorf("report: %s", report)
	}
	if v, _ := ask("objgraph", nil).(map[string]any)["error"].(string); !strings.Contains(v, "not available in Go") {
		t.Errorf("objgraph: %v", v)
	}
	if v := ask("double", map[string]any{"n": 21}); !cmp.Equal(v, any(map[string]any{"ok": int64(42)})) {
		t.Errorf("a command of the program's own: %v", v)
	}
	// Celery's worker says ok to these and stops with an exception.
	for text, args := range map[string]map[string]any{
		"argument 'queue' must be a name, not 5":                                {"queue": 5},
		"argument 'queue' must be a name, not None":                             {"queue": nil},
		"argument 'queue' must be a name, not ''":                               {"queue": ""},
		"argument 'queue' must be a name, not ['q']":                            {"queue": []any{"q"}},
		"argument 'routing_key' must be a name, not 5":                          {"queue": "q", "routing_key": 5},
		"argument 'exchange_type' must be direct, topic or fanout, not 'other'": {"queue": "q", "exchange_type": "other"},
	} {
		if v, _ := ask("add_consumer", args).(map[string]any)["error"].(string); !strings.Contains(v, text) {
			t.Errorf("add_consumer %v: %s", args, v)
		}
	}
	if v, _ := ask("cancel_consumer", map[string]any{"queue": []any{"q"}}).(map[string]any)["error"].(string); !strings.Contains(v, "unhashable type: 'list'") {
		t.Errorf("cancel_consumer: %s", v)
	}
	if v, _ := ask("active_queues", nil).([]any); len(v) != 1 {
		t.Errorf("queues after names that are none: %v", v)
	}
	slots := func() any { return ask("stats", nil).(map[string]any)["pool"].(map[string]any)["max-concurrency"] }
	before := slots()
	if v, _ := ask("pool_shrink", map[string]any{"n": 99}).(map[string]any)["error"].(string); !strings.Contains(v, "Can't shrink pool") || slots() != before {
		t.Errorf("pool_shrink beyond the pool: %s, %v slots of %v", v, slots(), before)
	}
	if _, err := app.Control().Broadcast(ctx, "shutdown", nil, celery.BroadcastOptions{Destination: []string{"w@h"}}); err != nil {
		t.Fatal(err)
	}
	w.end(t)
	if w.ExitCode() != 0 || !w.log.has("Warm shutdown") {
		t.Errorf("after shutdown: exit code %d", w.ExitCode())
	}
}

// Compressed results of either worker are read by either client.
func TestCompressedResults(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Name: "suite", Broker: url, ResultBackend: url, ResultCompression: "gzip"})
	registerSuite(t, app, url)
	text := strings.Repeat("compress me ", 200)
	read := func() string {
		return string(python(t, url, "-c", "import suite, sys\nprint(suite.identity.delay(sys.argv[1]).get(timeout=100), end='')", text))
	}
	stored := func(from string) {
		t.Helper()
		c := dial(t, url)
		keys, err := redis.Strings(c.Do("KEYS", "celery-task-meta-*"))
		if err != nil || len(keys) == 0 {
			t.Fatalf("%v %v", keys, err)
		}
		for _, key := range keys {
			if raw, err := redis.Bytes(c.Do("GET", key)); err != nil || !strings.HasPrefix(string(raw), "\x00celery-compressed\x00application/x-gzip\x00") || len(raw) > 400 {
				t.Errorf("%s stored %d bytes: %.60q %v", from, len(raw), raw, err)
			}
		}
		if _, err := c.Do("FLUSHDB"); err != nil {
			t.Fatal(err)
		}
	}
	own := runWorker(t, app, celery.WorkerOptions{})
	if got := read(); got != text {
		t.Errorf("Python read %d bytes, want %d", len(got), len(text))
	}
	own.Warm()
	own.end(t)
	stored("Go")
	t.Run("written by Python", func(t *testing.T) {
		pythonWorker(t, url, "--include", "compress")
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		res, err := app.Signature("suite.identity", text).Delay(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := res.Get(ctx); err != nil || v != text {
			t.Errorf("Go read %v %v", v, err)
		}
		stored("Python")
	})
}

// The results of a group with groups in it come in the order in which they are written, flattened. (Celery reverses an
// inner group's when a canvas is frozen.)
func TestNestedGroupOrder(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Broker: url, ResultBackend: url})
	registerSuite(t, app, url)
	runWorker(t, app, celery.WorkerOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	id := func(n int) *celery.Signature { return app.Signature("suite.identity", n) }
	nested := func() *celery.Signature {
		return celery.Group(id(1), celery.Group(id(2), celery.Group(id(3), id(4)), id(5)), id(6))
	}
	want := []any{int64(1), int64(2), int64(3), int64(4), int64(5), int64(6)}
	for name, sig := range map[string]*celery.Signature{"group": nested(), "chord": celery.Chain(nested(), app.Signature("suite.identity"))} {
		res, err := sig.Delay(ctx)
		if err != nil {
			t.Fatal(err)
		}
		v, err := res.Get(ctx)
		if diff := cmp.Diff(any(want), v); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}
