package celery_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"

	"healpipe/celery"
)

// Further examples after Celery's user guide, with a worker and a broker in the same process; a test of your own uses
// package celerytest, a program the URL of its broker.

// started is an app on a broker of its own and, once its tasks are registered, its worker.
type started struct {
	*celery.App
	ctx    context.Context
	broker *miniredis.Miniredis
	stop   []func()
}

// proj is Celery("proj", broker=..., backend=...).
func proj(conf celery.Config) *started {
	broker := miniredis.NewMiniRedis()
	if err := broker.Start(); err != nil {
		panic(err)
	}
	conf.Name, conf.Broker, conf.ResultBackend = "proj", "redis://"+broker.Addr()+"/0", "redis://"+broker.Addr()+"/0"
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	app := celery.New(conf)
	return &started{App: app, ctx: ctx, broker: broker, stop: []func(){cancel, func() { app.Close() }, broker.Close}}
}

// work is celery -A proj worker -c 4 -n w1@example.
func (s *started) work() {
	ready, done := make(chan struct{}), make(chan error, 1)
	w := s.Worker(celery.WorkerOptions{Hostname: "w1@example", Concurrency: 4, LogWriter: io.Discard, Stdout: io.Discard, Quiet: true, TaskEvents: true,
		Ready: sync.OnceFunc(func() { close(ready) })})
	go func() { done <- w.Run(context.WithoutCancel(s.ctx)) }()
	s.stop = slices.Insert(s.stop, 1, func() { w.Warm(); <-done })
	<-ready
}

func (s *started) close() {
	for _, f := range s.stop {
		f()
	}
}

// app.conf.update(task_routes=..., task_annotations=...); app.conf.task_acks_late
func ExampleConfig_ApplySettings() {
	var conf celery.Config
	err := conf.ApplySettings(map[string]any{
		"task_acks_late":   true,
		"result_expires":   3600,
		"task_routes":      map[string]any{"feed.tasks.*": map[string]any{"queue": "feeds"}},
		"task_annotations": map[string]any{"tasks.add": map[string]any{"rate_limit": "10/s"}},
	})
	fmt.Println(conf.TaskAcksLate, conf.ResultExpires, conf.Routes[0].Queue, err)
	fmt.Println(conf.ApplySettings(map[string]any{"task_ack_late": true}))
	// Output:
	// true 1h0m0s feeds <nil>
	// celery: setting task_ack_late is none of Celery's: is task_acks_late meant?
}

// @app.task(bind=True) def resize(self, path, width=800, *, crop=False)
func ExampleApp_Register() {
	app := celery.New(celery.Config{Name: "proj", TaskAlwaysEager: true})
	resize := app.MustRegister("proj.tasks.resize", func(ctx context.Context, path string, width int, crop bool) string {
		return fmt.Sprint(celery.CurrentRequest(ctx).Name, " ", path, " ", width, " ", crop)
	}, celery.TaskOptions{Params: []string{"path", "width=800", "*", "crop=false"}})
	ctx := context.Background()
	show(resize.Delay(ctx, "a.png"))
	show(resize.ApplyAsync(ctx, []any{"a.png", 400}, map[string]any{"crop": true}, celery.Options{}))
	show(resize.Delay(ctx))
	// Output:
	// proj.tasks.resize a.png 800 false <nil>
	// proj.tasks.resize a.png 400 true <nil>
	// <nil> TypeError: resize() missing 1 required positional argument: 'path'
}

// @app.task(bind=True, max_retries=3) ... raise self.retry(exc=exc, countdown=...)
func ExampleRequest_Retry() {
	app := proj(celery.Config{})
	defer app.close()
	fetch := app.MustRegister("proj.tasks.fetch", func(ctx context.Context) (string, error) {
		r := celery.CurrentRequest(ctx)
		if r.Retries < 2 {
			return "", r.Retry(ctx, celery.RetryOptions{Err: errors.New("unreachable"), Countdown: 10 * time.Millisecond})
		}
		return fmt.Sprintf("reached with retry %d", r.Retries), nil
	})
	app.work()
	show(fetch.Delay(app.ctx))
	// Output: reached with retry 2 <nil>
}

// @app.task(autoretry_for=(ConnectionError,), retry_backoff=True, retry_jitter=True, max_retries=1)
func ExampleTaskOptions_retryBackoff() {
	app := proj(celery.Config{})
	defer app.close()
	tries := 0
	fetch := app.MustRegister("proj.tasks.fetch", func() error {
		tries++
		return celery.Errorf("ConnectionError", "try %d", tries)
	}, celery.TaskOptions{AutoretryFor: []error{celery.Exception("ConnectionError")}, RetryBackoff: time.Second, MaxRetries: celery.Prio(1)})
	app.work()
	show(fetch.Delay(app.ctx))
	// Output: <nil> ConnectionError: try 2
}

// @app.task(soft_time_limit=...) ... except SoftTimeLimitExceeded: clean_up()
func ExampleTaskOptions_timeLimits() {
	app := proj(celery.Config{})
	defer app.close()
	long := app.MustRegister("proj.tasks.long", func(ctx context.Context) (string, error) {
		<-ctx.Done() // work that heeds its context
		if errors.Is(context.Cause(ctx), celery.ErrSoftTimeLimit) {
			return "cleaned up", nil
		}
		return "", ctx.Err()
	}, celery.TaskOptions{SoftTimeLimit: 20 * time.Millisecond, TimeLimit: time.Minute})
	app.work()
	show(long.Delay(app.ctx))
	// Output: cleaned up <nil>
}

// @app.task(rate_limit="10/m"); app.control.rate_limit("proj.tasks.add", "200/m")
func ExampleControl_RateLimit() {
	app := proj(celery.Config{})
	defer app.close()
	app.MustRegister("proj.tasks.add", func(x, y int) int { return x + y }, celery.TaskOptions{RateLimit: "10/m"})
	app.work()
	inspect := app.Control().Inspect(celery.BroadcastOptions{})
	fmt.Println(inspect.Registered(app.ctx, "rate_limit"))
	fmt.Println(app.Control().RateLimit(app.ctx, "proj.tasks.add", "200/m", celery.BroadcastOptions{Reply: true}))
	fmt.Println(inspect.Registered(app.ctx, "rate_limit"))
	// Output:
	// map[w1@example:[proj.tasks.add [rate_limit=10/m]]] <nil>
	// map[w1@example:map[ok:new rate limit set successfully]] <nil>
	// map[w1@example:[proj.tasks.add [rate_limit=200/m]]] <nil>
}

// self.update_state(state="PROGRESS", meta={...}); result.get(on_message=on_raw_message)
func ExampleRequest_UpdateState() {
	app := proj(celery.Config{})
	defer app.close()
	seen := make(chan bool)
	upload := app.MustRegister("proj.tasks.upload", func(ctx context.Context, files []string) (int, error) {
		for i := range files {
			if err := celery.CurrentRequest(ctx).UpdateState(ctx, "PROGRESS", map[string]any{"current": i + 1, "total": len(files)}); err != nil {
				return 0, err
			}
			<-seen
		}
		return len(files), nil
	})
	app.work()
	res, err := upload.Delay(app.ctx, []string{"a", "b"})
	if err != nil {
		panic(err)
	}
	fmt.Println(res.Follow(app.ctx, func(meta map[string]any) {
		fmt.Println(meta["status"], meta["result"])
		if meta["status"] == "PROGRESS" {
			seen <- true
		}
	}))
	// Output:
	// PROGRESS map[current:1 total:2]
	// PROGRESS map[current:2 total:2]
	// SUCCESS 2
	// 2 <nil>
}

// add.apply_async((2, 2), link=add.s(16)); fail.apply_async(link_error=error_handler.s())
func ExampleSignature_Link() {
	app := proj(celery.Config{})
	defer app.close()
	said := make(chan string)
	add := app.MustRegister("proj.tasks.add", func(x, y int) int { return x + y })
	show := app.MustRegister("proj.tasks.show", func(v int) { said <- fmt.Sprint("result ", v) })
	fail := app.MustRegister("proj.tasks.fail", func() error { return celery.Errorf("ValueError", "no luck") })
	handler := app.MustRegister("proj.tasks.error_handler", func(ctx context.Context, id string) error {
		_, err := app.AsyncResult(id).Result(ctx)
		said <- fmt.Sprint("failed: ", err)
		return nil
	})
	app.work()
	if _, err := add.S(2, 2).Link(show.S()).Delay(app.ctx); err != nil {
		panic(err)
	}
	fmt.Println(<-said)
	if _, err := fail.S().LinkError(handler.S()).Delay(app.ctx); err != nil {
		panic(err)
	}
	fmt.Println(<-said)
	// Output:
	// result 4
	// failed: ValueError: no luck
}

// task_routes = {"feed.tasks.*": {"queue": "feeds"}}; import_feed.apply_async(queue="urgent")
func ExampleRoute() {
	app := proj(celery.Config{Routes: []celery.Route{{Pattern: "feed.tasks.*", Queue: "feeds"}}})
	defer app.close()
	for _, o := range []celery.Options{{}, {}, {Queue: "urgent"}} {
		if _, err := app.SendTask(app.ctx, "feed.tasks.import_feed", []any{"url"}, nil, o); err != nil {
			panic(err)
		}
	}
	conn, err := app.Dial(app.ctx)
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	for _, queue := range []string{"celery", "feeds", "urgent"} {
		n, err := conn.QueueLen(app.ctx, queue)
		fmt.Println(queue, n, err)
	}
	// Output:
	// celery 0 <nil>
	// feeds 2 <nil>
	// urgent 1 <nil>
}

// with app.connection() as c: app.events.Receiver(c, handlers={"*": ...}).capture()
func ExampleApp_CaptureEvents() {
	app := proj(celery.Config{})
	defer app.close()
	add := app.MustRegister("proj.tasks.add", func(x, y int) int { return x + y })
	app.work()
	ctx, end := context.WithCancel(app.ctx)
	sent := false
	err := app.CaptureEvents(ctx, true, func(event map[string]any) {
		switch typ := event["type"].(string); {
		case typ == "worker-heartbeat" && !sent: // which wakeup asks for: events arrive from now on
			sent = true
			if _, err := add.Delay(ctx, 2, 2); err != nil {
				panic(err)
			}
		case typ == "task-received":
			fmt.Println(typ, event["name"], event["args"], event["hostname"])
		case typ == "task-succeeded":
			fmt.Println(typ, event["result"])
			end()
		case strings.HasPrefix(typ, "task-"):
			fmt.Println(typ)
		}
	})
	fmt.Println(err)
	// Output:
	// task-received proj.tasks.add (2, 2) w1@example
	// task-started
	// task-succeeded 4
	// context canceled
}

// app.control.inspect().active_queues(), .query_task(id); app.control.revoke(id); app.control.ping()
func ExampleInspect() {
	app := proj(celery.Config{})
	defer app.close()
	add := app.MustRegister("proj.tasks.add", func(x, y int) int { return x + y })
	app.work()
	control := app.Control()
	fmt.Println(control.Ping(app.ctx, celery.BroadcastOptions{Destination: []string{"w1@example"}}))
	res, err := add.ApplyAsync(app.ctx, []any{2, 2}, nil, celery.Options{TaskID: "one", Countdown: time.Hour})
	if err != nil {
		panic(err)
	}
	inspect := control.Inspect(celery.BroadcastOptions{Destination: []string{"w1@example"}})
	scheduled := func() int {
		replies, err := inspect.Scheduled(app.ctx)
		if err != nil {
			panic(err)
		}
		return len(replies["w1@example"].([]any))
	}
	for scheduled() == 0 { // the message is on its way
		time.Sleep(time.Millisecond)
	}
	fmt.Println(control.Revoke(app.ctx, []string{res.ID}, false, "", celery.BroadcastOptions{Reply: true}))
	_, err = res.Get(app.ctx)
	fmt.Println(err)
	// Output:
	// map[w1@example:map[ok:pong]] <nil>
	// map[w1@example:map[ok:tasks {'one'} flagged as revoked]] <nil>
	// TaskRevokedError: revoked
}

// result.ready(), result.get(timeout=1), result.iterate(), result.forget()
func ExampleAsyncResult() {
	app := proj(celery.Config{})
	defer app.close()
	add := app.MustRegister("proj.tasks.add", func(x, y int) int { return x + y })
	res, err := celery.Group(add.S(1, 1), add.S(2, 2), add.S(3, 3)).Delay(app.ctx)
	if err != nil {
		panic(err)
	}
	brief, cancel := context.WithTimeout(app.ctx, 10*time.Millisecond)
	defer cancel()
	_, err = res.Get(brief) // no worker yet
	fmt.Println(errors.Is(err, celery.ErrTimeout))
	app.work()
	sum := int64(0)
	err = res.Each(app.ctx, func(_ *celery.AsyncResult, v any, err error) { sum += v.(int64) })
	fmt.Println(sum, err)
	fmt.Println(res.CompletedCount(app.ctx))
	fmt.Println(res.Forget(app.ctx))
	fmt.Println(res.Ready(app.ctx))
	// Output:
	// true
	// 12 <nil>
	// 3 <nil>
	// <nil>
	// false <nil>
}

// @control_command(args=[("n", int)]) def increase_prefetch_count(state, n=1)
func ExampleApp_RegisterControl() {
	app := proj(celery.Config{})
	defer app.close()
	app.RegisterControl(celery.ControlCommand{Name: "greet", Run: func(_ context.Context, w *celery.Worker, args map[string]any) (any, error) {
		return map[string]any{"ok": fmt.Sprintf("%v from %s", args["word"], w.Nodename())}, nil
	}})
	app.work()
	fmt.Println(app.Control().Broadcast(app.ctx, "greet", map[string]any{"word": "hello"}, celery.BroadcastOptions{Reply: true}))
	// Output: map[w1@example:map[ok:hello from w1@example]] <nil>
}
