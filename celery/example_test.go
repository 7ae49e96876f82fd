package celery_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"healpipe/celery"
)

// The examples of Celery's user guide (Calling Tasks, Canvas) in Go. They run in the caller's own process, so that they need
// no broker: without TaskAlwaysEager the same calls send messages.
func eagerApp() (*celery.App, *celery.Task, *celery.Task) {
	app := celery.New(celery.Config{Name: "proj", TaskAlwaysEager: true})
	add := app.MustRegister("proj.tasks.add", func(x, y int) int { return x + y }, celery.TaskOptions{Params: []string{"x", "y"}})
	xsum := app.MustRegister("proj.tasks.xsum", func(nums []int) int {
		n := 0
		for _, i := range nums {
			n += i
		}
		return n
	})
	return app, add, xsum
}

func show(res *celery.AsyncResult, err error) {
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res.Get(context.Background()))
}

// add.delay(2, 2); add.apply_async((2,), {"y": 2}, countdown=10, expires=60, queue="priority.high")
func ExampleTask_ApplyAsync() {
	_, add, _ := eagerApp()
	ctx := context.Background()
	show(add.Delay(ctx, 2, 2))
	show(add.ApplyAsync(ctx, []any{2}, map[string]any{"y": 2}, celery.Options{Countdown: 10 * time.Second, ExpiresIn: time.Minute, Queue: "priority.high"}))
	// Output:
	// 4 <nil>
	// 4 <nil>
}

// chain(add.s(2, 2), add.s(4), add.s(8))()
func ExampleChain() {
	app, _, _ := eagerApp()
	s := func(args ...any) *celery.Signature { return app.Signature("proj.tasks.add", args...) }
	show(celery.Chain(s(2, 2), s(4), s(8)).Delay(context.Background()))
	// Output: 16 <nil>
}

// group(add.s(i, i) for i in range(4))()
func ExampleGroup() {
	app, _, _ := eagerApp()
	var members []*celery.Signature
	for i := range 4 {
		members = append(members, app.Signature("proj.tasks.add", i, i))
	}
	show(celery.Group(members...).Delay(context.Background()))
	// Output: [0 2 4 6] <nil>
}

// chord((add.s(i, i) for i in range(4)), xsum.s())()
func ExampleChord() {
	app, _, _ := eagerApp()
	var header []*celery.Signature
	for i := range 4 {
		header = append(header, app.Signature("proj.tasks.add", i, i))
	}
	show(celery.Chord(header, app.Signature("proj.tasks.xsum")).Delay(context.Background()))
	// Output: 12 <nil>
}

// An exception keeps its Python type: try: r.get() except ValueError as exc: ...
func ExampleException() {
	app, _, _ := eagerApp()
	fail := app.MustRegister("proj.tasks.fail", func() error { return celery.Errorf("ValueError", "no %s", "luck") })
	res, err := fail.Delay(context.Background())
	if err == nil {
		_, err = res.Get(context.Background())
	}
	fmt.Println(errors.Is(err, celery.Exception("ValueError")), err)
	// Output: true ValueError: no luck
}
