package celery_test

import (
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"healpipe/celery"
	"healpipe/celery/kombu"
	"healpipe/internal/testenv"
)

// Direct, topic and fanout exchanges, task_queues, task_routes, -X, consumers added and cancelled at run time: the same client
// sees the same with Celery's worker and with this one.
func TestRoutingAsCelery(t *testing.T) {
	t.Parallel()
	theirs, ours := testenv.StartRedis(t).URL(0), testenv.StartRedis(t).URL(0)
	log := &syncBuffer{}
	cmd := exec.Command(testenv.Python(t), "-m", "celery", "-A", "routing", "worker", "-l", "INFO", "-n", "w@h", "-P", "threads", "-c", "2", "-X", "excluded")
	cmd.Dir, cmd.Env = "testdata", suiteEnv(cmd, theirs)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("end of the Python worker's log:\n%s", log.tail())
		}
	})

	topics := celery.Exchange{Name: "topics", Type: kombu.Topic}
	app := newApp(t, celery.Config{Name: "suite", Broker: ours, ResultBackend: ours, Queues: []celery.Queue{
		{Name: "celery"},
		{Name: "direct", Exchange: celery.Exchange{Name: "ex"}, RoutingKey: "key"},
		{Name: "words", Exchange: topics, RoutingKey: "a.*"},
		{Name: "all", Exchange: topics, RoutingKey: "a.#"},
		{Name: "excluded"},
		{Name: "bcast.go", Exchange: celery.Exchange{Name: "everybody", Type: kombu.Fanout}},
	}, Routes: []celery.Route{
		{Pattern: "suite.identity", Queue: "direct"},
		{Pattern: "suite.no*", Exchange: "topics", RoutingKey: "a.b"},
		{Pattern: "suite.xsu?", Queue: "excluded"},
	}})
	registerSuite(t, app, ours)
	runWorker(t, app, celery.WorkerOptions{Concurrency: 2, Hostname: "go@h", ExcludeQueues: []string{"excluded"}})
	conn := dial(t, theirs)
	testenv.WaitFor(t, 60*time.Second, "the Python worker to hear commands and broadcasts", func() bool {
		reply, err := conn.Do("PUBSUB", "NUMPAT")
		n, _ := reply.(int64)
		return err == nil && n >= 3
	})

	want := decoded(t, python(t, theirs, "routing.py", "w@h"))
	got := decoded(t, python(t, ours, "routing.py", "go@h"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-Celery +ours):\n%s", diff)
	}
	for key, n := range map[string]int{"exchanges": 8, "broadcast": 1, "late": 2, "again": 1} {
		if list, _ := want[key].([]any); len(list) != n {
			t.Errorf("%s is %v with Celery, want %d", key, want[key], n)
		}
	}

	// A Go client routes in the same way.
	ctx := t.Context()
	for name, args := range map[string][]any{"identity": {2}, "none": {}, "add": {1, 2}} {
		res, err := app.Signature("suite."+name, args...).Delay(ctx)
		if err != nil {
			t.Fatal(name, err)
		}
		if _, err := res.Get(ctx); err != nil {
			t.Error(name, err)
		}
	}
	if _, err := app.Signature("suite.echo", "all hear").ApplyAsync(ctx, nil, nil, celery.Options{Queue: "bcast.go"}); err != nil {
		t.Fatal(err)
	}
	r := dial(t, ours)
	testenv.WaitFor(t, 20*time.Second, "the broadcast to be heard", func() bool { return length(t, r, "LLEN", "echo") == 1 })
	if n := length(t, r, "LLEN", "excluded"); n != 1 {
		t.Errorf("%d messages in the excluded queue", n)
	}
}

// A prefetch multiplier of 0 reserves whatever waits, however many, and the order is kept.
func TestNoPrefetchLimit(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	r := dial(t, url)
	app := newApp(t, celery.Config{Name: "suite", Broker: url})
	const n = 1200 // more than one claim takes
	release, ran := make(chan struct{}), make(chan int, n)
	task := app.MustRegister("hold", func(i int) { <-release; ran <- i }, celery.TaskOptions{AcksLate: true})
	for i := range n {
		if _, err := task.Delay(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	zero := 0
	runWorker(t, app, celery.WorkerOptions{Concurrency: 1, PrefetchMultiplier: &zero, Hostname: "go@h"})
	testenv.WaitFor(t, 60*time.Second, "all messages to be reserved", func() bool {
		return length(t, r, "HLEN", "unacked") == n && length(t, r, "LLEN", "celery") == 0
	})
	stats, err := app.Control().Inspect(to("go@h")).Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s, _ := stats["go@h"].(map[string]any); s["prefetch_count"] != int64(0) {
		t.Errorf("prefetch_count %v", s["prefetch_count"])
	}
	close(release)
	for i := range n {
		if got := <-ran; got != i {
			t.Fatalf("task %d ran as number %d", got, i)
		}
	}
	testenv.WaitFor(t, 60*time.Second, "acknowledgements", func() bool { return length(t, r, "HLEN", "unacked") == 0 })
}
