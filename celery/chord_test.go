package celery_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"healpipe/celery"
	"healpipe/internal/testenv"
)

// A frozen chord that is called again has its group's id once more. Celery's client removes the mark of the first run
// only when it sends the last part; a worker that has finished the first part by then must have counted it.
func TestFrozenChordAgain(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Name: "suite", Broker: url, ResultBackend: url})
	registerSuite(t, app, url)
	runWorker(t, app, celery.WorkerOptions{Concurrency: 1})
	conn, err := redis.DialURL(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	do := func(args ...any) {
		t.Helper()
		if _, err := conn.Do(args[0].(string), args[1:]...); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	key := "celery-taskset-meta-group"
	body := app.Signature("suite.xsum").Set(celery.Options{TaskID: "body"})
	part := func(i int64) {
		t.Helper()
		s := app.Signature("suite.add", i, 1).Set(celery.Options{GroupID: "group", GroupIndex: &i})
		s.Options["chord"] = body
		res, err := s.Delay(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := res.Get(ctx); err != nil {
			t.Fatal(err)
		}
	}
	do("SET", key+".c", "done")
	part(0)
	testenv.WaitFor(t, time.Minute, "the first part to be counted", func() bool {
		n, err := redis.Int(conn.Do("ZCARD", key+".j"))
		return err == nil && n == 1
	})
	do("DEL", key+".c")
	do("SET", key+".s", 2)
	part(1)
	if v, err := app.AsyncResult("body").Get(ctx); err != nil || v != int64(3) {
		t.Errorf("body of the second run: %v %v", v, err)
	}
}

// A worker that is killed after it has claimed a chord and before it has called the body leaves the claim behind, which
// outlives its lease. The part is delivered again before the claim expires, and the body must be called.
func TestChordClaimedByKilledWorker(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Name: "suite", Broker: url, ResultBackend: url})
	registerSuite(t, app, url)
	conn := dial(t, url)
	do := func(cmd string, args ...any) any {
		t.Helper()
		v, err := conn.Do(cmd, args...)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	chord := celery.Chord([]*celery.Signature{app.Signature("suite.add", 1, 1).Set(celery.Options{TaskID: "part"})},
		app.Signature("suite.xsum").Set(celery.Options{TaskID: "body"}))
	if _, err := chord.Delay(ctx); err != nil {
		t.Fatal(err)
	}
	raw, err := redis.Bytes(do("RPOP", "celery"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var message map[string]any
	unmarshal(t, raw, &message)
	properties := message["properties"].(map[string]any)
	properties["delivery_info"].(map[string]any)["redelivered"] = true
	again, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	group := message["headers"].(map[string]any)["group"].(string)
	do("SADD", "celery-taskset-meta-"+group+".d", "part:0")
	do("ZADD", "celery-taskset-meta-"+group+".j", 0, `[1, "part", "SUCCESS", 2]`)
	do("SET", "celery-taskset-meta-"+group+".c", "part:0/of-a-killed-worker", "EX", 3600)
	do("LPUSH", "celery", again)
	runWorker(t, app, celery.WorkerOptions{Concurrency: 1})
	if v, err := app.AsyncResult("body").Get(ctx); err != nil || v != int64(2) {
		t.Errorf("the body: %v %v", v, err)
	}
	testenv.WaitFor(t, time.Minute, "the chord to be marked as done", func() bool {
		v, _ := do("GET", "celery-taskset-meta-"+group+".c").([]byte)
		return string(v) == "done"
	})
}

// The claim on a chord must end before the lease of its worker does, or a Python worker that gets the part of a killed one
// takes the chord for called. While the worker lives it must not end.
func TestChordClaimIsShortAndKept(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Name: "suite", Broker: url, ResultBackend: url, ChordJoinTimeout: time.Minute})
	registerSuite(t, app, url)
	runWorker(t, app, celery.WorkerOptions{Concurrency: 1})
	conn := dial(t, url)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// A saved header with a member that does not end holds up the worker between the claim and the body's call.
	key := "celery-taskset-meta-group"
	for _, cmd := range [][]any{
		{"SET", key, `{"result": [["group", null], [[["part", null], null], [["away", null], null]]]}`},
		{"SET", key + ".s", 1},
	} {
		if _, err := conn.Do(cmd[0].(string), cmd[1:]...); err != nil {
			t.Fatal(err)
		}
	}
	first := int64(0)
	s := app.Signature("suite.add", 1, 1).Set(celery.Options{TaskID: "part", GroupID: "group", GroupIndex: &first})
	s.Options["chord"] = app.Signature("suite.xsum").Set(celery.Options{TaskID: "body"})
	if _, err := s.Delay(ctx); err != nil {
		t.Fatal(err)
	}
	const lease = 6000 // ms that a lease lasts at least when its worker dies
	low, renewed := int64(lease), 0
	testenv.WaitFor(t, time.Minute, "two renewals of the claim", func() bool {
		left, err := redis.Int64(conn.Do("PTTL", key+".c"))
		if err != nil || left > lease || (left < 0 && low < lease) {
			t.Fatalf("the claim ends in %d ms: %v", left, err)
		}
		if left >= 0 && left > low {
			renewed++
		}
		if left >= 0 {
			low = left
		}
		return renewed == 2
	})
	meta := `{"status": "SUCCESS", "result": 5, "traceback": null, "children": [], "task_id": "away"}`
	for _, cmd := range [][]any{{"SET", "celery-task-meta-away", meta}, {"PUBLISH", "celery-task-meta-away", meta}} {
		if _, err := conn.Do(cmd[0].(string), cmd[1:]...); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := app.AsyncResult("body").Get(ctx); err != nil || v != int64(7) {
		t.Errorf("the body: %v %v", v, err)
	}
}
