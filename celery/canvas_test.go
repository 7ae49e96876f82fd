package celery_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"healpipe/celery"
	"healpipe/celery/kombu"
	"healpipe/internal/testenv"
)

// registerCanvas registers the tasks of testdata/canvases.py.
func registerCanvas(t testing.TB, app *celery.App, broker string) {
	pool := &redis.Pool{Dial: func() (redis.Conn, error) { return redis.DialURL(broker) }}
	t.Cleanup(func() { _ = pool.Close() })
	note := func(call ...any) error {
		line, err := json.Marshal(call)
		if err != nil {
			return err
		}
		c := pool.Get()
		defer func() { _ = c.Close() }()
		_, err = c.Do("RPUSH", "ran", line)
		return err
	}
	var total func(v any) int64
	total = func(v any) int64 {
		switch v := v.(type) {
		case []any:
			n := int64(0)
			for _, e := range v {
				n += total(e)
			}
			return n
		case int64:
			return v
		}
		return 0
	}
	reg := func(name string, fn any, params ...string) {
		app.MustRegister("canvas."+name, fn, celery.TaskOptions{Params: params, MaxRetries: new(1)})
	}
	sig := func(name string, args ...any) *celery.Signature { return app.Signature("canvas."+name, args...) }
	replacing := func(name string, by func(x any) *celery.Signature) {
		reg(name, func(ctx context.Context, x any) error {
			if err := note(name, x); err != nil {
				return err
			}
			return celery.CurrentRequest(ctx).Replace(ctx, by(x))
		}, "x=0")
	}
	reg("add", func(x, y any) (int64, error) { return total(x) + total(y), note("add", x, y) }, "x", "y")
	reg("same", func(x any) (any, error) { return x, note("same", x) }, "x")
	reg("fail", func(args ...any) error {
		if err := note("fail", append([]any{}, args...)); err != nil {
			return err
		}
		return &celery.Error{Class: "ValueError", Module: "builtins", Args: []any{"no", 1}}
	}, "*args")
	reg("again", func(ctx context.Context, x any) (any, error) {
		r := celery.CurrentRequest(ctx)
		if err := note("again", x, r.Retries); err != nil {
			return nil, err
		}
		if r.Retries == 0 {
			return nil, r.Retry(ctx, celery.RetryOptions{Countdown: 20 * time.Millisecond})
		}
		return x, nil
	}, "x=0")
	reg("linked", func(args ...any) error { return note("linked", append([]any{}, args...)) }, "*args")
	reg("failed", func(args ...any) error { return note("failed", len(args)) }, "*args")
	reg("failed_alone", func() error { return note("failed_alone") })
	replacing("by_task", func(x any) *celery.Signature { return sig("add", x, 100) })
	replacing("by_chain", func(x any) *celery.Signature { return celery.Chain(sig("add", x, 1), sig("add", 10)) })
	replacing("by_group", func(x any) *celery.Signature { return celery.Group(sig("same", 7), sig("add", x, 1)) })
}

// observer talks to canvases.py.
type observer struct {
	t   testing.TB
	in  io.Writer
	out *bufio.Reader
}

func startObserver(t testing.TB, broker string) *observer {
	cmd := exec.Command(testenv.Python(t), "canvases.py")
	cmd.Dir = "testdata"
	cmd.Env = suiteEnv(cmd, broker)
	stderr := &strings.Builder{}
	cmd.Stderr = stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("canvases.py: %v\n%s", err, stderr)
		}
	})
	return &observer{t: t, in: in, out: bufio.NewReader(out)}
}

func (o *observer) ask(command ...any) json.RawMessage {
	line, err := json.Marshal(command)
	if err == nil {
		_, err = fmt.Fprintf(o.in, "%s\n", line)
	}
	var answer []byte
	if err == nil {
		answer, err = o.out.ReadBytes('\n')
	}
	if err != nil {
		o.t.Errorf("canvases.py: %v", err)
	}
	return answer
}

// anyOrder compares lines without the order of what is in them: of groups in groups Celery's client reverses the
// members, this one does not (TestNestedGroupOrder).
var anyOrder = cmp.Transformer("words", func(lines []string) map[string]int {
	words := map[string]int{}
	for _, line := range lines {
		w := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune("[], ", r) })
		slices.Sort(w)
		words[strings.Join(w, " ")]++
	}
	return words
})

type canvasSeen struct {
	Ran, Stored, Chords []string
	Value               any
}

// TestRandomCanvases runs canvases that testdata/canvases.py made up, groups, chains and chords in each other with
// failures, retries, replacements and callbacks, with Celery's worker and with this one, sent by Celery's client and by
// this package's. What ran with which arguments, every stored result and the canvas's value are the same. Not in the
// file are canvases that Celery's own worker never ends, or whose outcome there depends on timing.
func TestRandomCanvases(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/canvases.json")
	if err != nil {
		t.Fatal(err)
	}
	var canvases []json.RawMessage
	unmarshal(t, raw, &canvases)
	theirs, ours, alone := testenv.StartRedis(t).URL(0), testenv.StartRedis(t).URL(0), testenv.StartRedis(t).URL(0)
	pythonWorkerWith(t, theirs, `{"task_acks_late": true}`, "-I", "canvases", "-P", "threads")
	worker := func(broker string) *celery.App {
		app := newApp(t, celery.Config{Name: "suite", Broker: broker, ResultBackend: broker, ResultExtended: true, TaskAcksLate: true})
		registerCanvas(t, app, broker)
		runWorker(t, app, celery.WorkerOptions{Concurrency: 4, Hostname: "w@h"})
		return app
	}
	worker(ours)
	app := worker(alone)
	py, own, goes := startObserver(t, theirs), startObserver(t, ours), startObserver(t, alone)
	for i, canvas := range canvases {
		var want, got, sent canvasSeen
		py.ask("apply", canvas)
		own.ask("apply", canvas)
		tree, err := kombu.DecodeJSON(canvas) // whole numbers stay whole
		if err != nil {
			t.Fatal(err)
		}
		sig, err := app.SignatureFrom(tree)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sig.Delay(t.Context()); err != nil {
			t.Errorf("canvas %d: sending it from Go: %v", i, err)
		}
		unmarshal(t, py.ask("wait"), &want)
		unmarshal(t, own.ask("wait"), &got)
		unmarshal(t, goes.ask("wait"), &sent)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("canvas %d: Python (-) and Go (+) differ:\n%s\n%s", i, diff, canvas)
		}
		want.Value = nil // it is the client's that sent
		if diff := cmp.Diff(want, sent, anyOrder); diff != "" {
			t.Errorf("canvas %d: sent by Python (-) and by Go (+) differ:\n%s\n%s", i, diff, canvas)
		}
	}
}
