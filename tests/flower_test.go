package tests

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"healpipe/celery"
	"healpipe/internal/testenv"
)

// TestFlower looks at a Go worker and at a Python worker through Flower, in the same steps, and compares
// what the pages, lists, metrics and buttons say.
func TestFlower(t *testing.T) {
	t.Parallel()
	workers := map[string]func(*testing.T, *site, string){"python": pythonFlowerWorker, "go": goFlowerWorker}
	seen := map[string]map[string]any{}
	for _, name := range []string{"python", "go"} {
		s := &site{t: t, dir: t.TempDir(), redis: flowerRedis(t)}
		const node = "worker@host"
		url := s.flower()
		workers[name](t, s, node)
		out := s.python(testenv.Path("tests", "python", "drive_flower.py"), url, s.flowerURL(0), node, s.dir)
		var v map[string]any
		if err := json.Unmarshal([]byte(strings.ReplaceAll(out, s.dir, "FOLDER")), &v); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		seen[name] = v
	}
	// Python's max-concurrency stays what it was at the start, whatever the pool's size.
	if grown, shrunk := seen["go"]["grown"], seen["go"]["shrunk"]; grown != 4.0 || shrunk != 2.0 {
		t.Errorf("the pool of 2 has %v places after growing and %v after shrinking by 2", grown, shrunk)
	}
	delete(seen["python"], "grown")
	for key, want := range seen["python"] {
		if diff := cmp.Diff(want, seen["go"][key]); diff != "" {
			t.Errorf("%s (-python +go):\n%s", key, diff)
		}
	}
}

// flowerSecret is the password of the broker's user healpipe, which no page may show.
const flowerSecret = "sesam-open"

// flowerUsers are a broker's options for that user beside the one without a password.
var flowerUsers = []string{"--user", "default", "on", "nopass", "~*", "&*", "+@all", "--user", "healpipe", "on", ">" + flowerSecret, "~*", "&*", "+@all"}

func flowerRedis(t *testing.T) *testenv.Redis { return testenv.StartRedis(t, flowerUsers...) }

// flowerURL is the URL of a database of a broker with flowerUsers, with user and password.
func (s *site) flowerURL(db int) string {
	return strings.Replace(s.redis.URL(db), "://", "://healpipe:"+flowerSecret+"@", 1)
}

// flower starts Flower on a free port and returns its address.
func (s *site) flower() string {
	s.t.Helper()
	addr := testenv.FreeAddr(s.t)
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := s.command(testenv.Python(s.t), "-m", "celery", "-A", "flower_tasks", "flower", "--address="+host, "--port="+port,
		"--tasks-columns=name,uuid,state,args,kwargs,result,received,started,runtime,worker,exchange,routing_key,retries,revoked,exception,expires,eta")
	cmd.Env = append(cmd.Env, "FLOWER_UNAUTHENTICATED_API=true")
	cmd.Env = append(cmd.Env, flowerTasks(s)...)
	s.start(cmd)
	testenv.WaitFor(s.t, 5*time.Minute, "Flower to answer", func() bool {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	// It subscribes to events in a thread of its own, and misses what was sent before.
	testenv.WaitFor(s.t, 5*time.Minute, "Flower to hear events", func() bool {
		return s.redisInt(`r.pubsub_numpat()`) > 0
	})
	return "http://" + addr
}

func pythonFlowerWorker(t *testing.T, s *site, node string) {
	cmd := s.command(testenv.Python(t), "-m", "celery", "-A", "flower_tasks", "worker", "-P", "prefork", "-c", "2", "-E", "-l", "info", "-n", node)
	cmd.Env = append(cmd.Env, flowerTasks(s)...)
	s.start(cmd).await("ready.")
}

// flowerTasks is the environment in which Python finds flower_tasks.py, the broker and the place of results.
func flowerTasks(s *site) []string {
	return []string{"BROKER=" + s.flowerURL(0), "BACKEND=" + s.flowerURL(1), "PYTHONPATH=" + testenv.Path("tests", "python"), "PYTHONDONTWRITEBYTECODE=1"}
}

// goFlowerWorker runs a worker of flower_tasks.py's tasks in the test's process.
func goFlowerWorker(t *testing.T, s *site, node string) {
	app := celery.New(celery.Config{Name: "tasks", Broker: s.flowerURL(0), ResultBackend: s.flowerURL(1), WorkerPoolRestarts: true})
	late := func(params ...string) celery.TaskOptions { return celery.TaskOptions{AcksLate: true, Params: params} }
	app.MustRegister("tasks.add", func(x, y int) int { return x + y }, late("x", "y=1"))
	app.MustRegister("tasks.fail", func(message string) error {
		return &celery.Error{Class: "ValueError", Module: "builtins", Args: []any{message}}
	}, late("message"))
	app.MustRegister("tasks.hold", hold, late("path"))
	app.MustRegister("tasks.again", func(ctx context.Context) (int, error) {
		r := celery.CurrentRequest(ctx)
		if r.Retries > 0 {
			return r.Retries, nil
		}
		return 0, r.Retry(ctx, celery.RetryOptions{Err: celery.Errorf("KeyError", "not yet"), Countdown: time.Second})
	}, late())
	app.MustRegister("tasks.later", func(ctx context.Context) error {
		return celery.CurrentRequest(ctx).Retry(ctx, celery.RetryOptions{Err: celery.Errorf("KeyError", "not yet"), Countdown: 10 * time.Minute})
	}, late())
	app.MustRegister("tasks.parent", func(ctx context.Context, child string) error {
		_, err := app.SendTask(ctx, "tasks.add", []any{1}, nil, celery.Options{TaskID: child})
		return err
	}, late("child"))
	app.MustRegister("tasks.refuse", func() error { return &celery.Reject{Reason: "not mine"} }, late())
	app.MustRegister("tasks.limited", func(x int) int { return x }, celery.TaskOptions{AcksLate: true, RateLimit: "1/h", Params: []string{"x"}})
	log := &process{t: t, cmd: exec.Command(node)}
	ready, done := make(chan struct{}), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	w := app.Worker(celery.WorkerOptions{
		Concurrency: 2, Hostname: node, TaskEvents: true, LogLevel: celery.Info, LogWriter: log, Stdout: log,
		Ready: func() { close(ready) },
	})
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		app.Close()
		if t.Failed() {
			t.Logf("the Go worker printed:\n%s", log.output())
		}
	})
	select {
	case <-ready:
	case <-time.After(30 * time.Second):
		t.Fatalf("the Go worker did not start:\n%s", log.output())
	}
}

// hold runs until a file is there.
func hold(ctx context.Context, path string) error {
	for {
		if _, err := os.Stat(path); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}
