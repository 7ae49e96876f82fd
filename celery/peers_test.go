package celery_test

import (
	"context"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"healpipe/celery"
	"healpipe/internal/testenv"
)

// A Python and a Go worker share a queue, answer the same remote control, and tell each other what was revoked.
func TestWithPythonWorker(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	py := pythonWorker(t, url)
	app := newApp(t, celery.Config{Name: "suite", Broker: url, ResultBackend: url, ResultExtended: true})
	registerSuite(t, app, url)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	id := "11111111-2222-4333-8444-555555555555"
	if _, err := app.Control().Revoke(ctx, []string{id}, false, "", to("w@h")); err != nil {
		t.Fatal(err)
	}
	w := runWorker(t, app, celery.WorkerOptions{Concurrency: 4, Hostname: "go@h"})
	if !w.log.has("mingle: sync with 1 nodes") || !w.log.has("mingle: sync complete") {
		t.Error("no mingle with the Python worker")
	}
	revoked, err := app.Control().Inspect(to("go@h")).Revoked(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{id}, revoked["go@h"]); diff != "" {
		t.Errorf("revoked ids learnt from the peer: %s", diff)
	}
	testenv.WaitFor(t, time.Minute, "the Python worker to know the new one", func() bool { return py.has("sync with go@h") })

	workers := map[string]int{}
	for workers["go@h"] == 0 || workers["w@h"] == 0 {
		var all []*celery.AsyncResult
		for range 30 {
			res, err := app.Signature("suite.sleep", 0.01).Delay(ctx)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, res)
		}
		for _, res := range all {
			if v, err := res.Get(ctx); err != nil || v != "slept" {
				t.Fatalf("%v %v; tasks by worker: %v", v, err, workers)
			}
			info, err := res.Info(ctx)
			if err != nil {
				t.Fatal(err)
			}
			name, _ := info["worker"].(string)
			workers[name]++
		}
	}
	// A chord whose header is spread over both.
	var header []*celery.Signature
	for i := range 20 {
		header = append(header, app.Signature("suite.add", i, 0))
	}
	res, err := celery.Chord(header, app.Signature("suite.xsum")).Delay(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := res.Get(ctx); err != nil || v != int64(190) {
		t.Errorf("chord over both workers: %v %v", v, err)
	}
	pong, err := app.Control().Ping(ctx, celery.BroadcastOptions{Timeout: time.Minute, Limit: 2})
	if err != nil || pong["go@h"] == nil || pong["w@h"] == nil {
		t.Errorf("ping: %v %v", pong, err)
	}
	c := dial(t, url)
	testenv.WaitFor(t, time.Minute, "acknowledgements", func() bool { return length(t, c, "HLEN", "unacked") == 0 })
}

// What Python sends in any encoding and by either protocol arrives as with Celery's worker; a result backend of rpc:// answers
// Python and Go clients.
func TestEncodingsAndRPC(t *testing.T) {
	t.Parallel()
	theirs, url := testenv.StartRedis(t).URL(0), testenv.StartRedis(t).URL(0)
	var want map[string]any
	done := make(chan struct{})
	go func() {
		defer close(done)
		pythonWorkerWith(t, theirs, `{"result_backend": "rpc://", "accept_content": ["json", "yaml", "msgpack"]}`)
		want = decoded(t, python(t, theirs, "encodings.py"))
	}()
	app := newApp(t, celery.Config{Name: "suite", Broker: url, ResultBackend: "rpc://", AcceptContent: []string{"json", "yaml", "msgpack"}})
	registerSuite(t, app, url)
	runWorker(t, app, celery.WorkerOptions{Concurrency: 4})
	got := decoded(t, python(t, url, "encodings.py"))
	<-done
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-Celery +ours):\n%s", diff)
	}
	if want["1 msgpack error"] != "ValueError('no', 1)" || want["2 yaml keywords"] != "6" || want["1 pickle"] != "TIMEOUT" {
		t.Errorf("Celery's worker gave %v", want)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for _, serializer := range []string{"json", "yaml", "msgpack"} {
		res, err := app.Signature("suite.add", 1, 2).ApplyAsync(ctx, nil, nil, celery.Options{Serializer: serializer, Compression: "gzip"})
		if err != nil {
			t.Fatal(err)
		}
		if v, err := res.Get(ctx); err != nil || v != int64(3) {
			t.Errorf("Go client, %s: %v %v", serializer, v, err)
		}
	}
	keys, err := redis.Strings(dial(t, url).Do("KEYS", "celery-task-meta-*"))
	if err != nil || len(keys) != 0 {
		t.Errorf("results stored in Redis although they go by message: %v %v", keys, err)
	}
}

func decoded(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	var m map[string]any
	unmarshal(t, raw, &m)
	return m
}
