package celery_test

import (
	"context"
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
