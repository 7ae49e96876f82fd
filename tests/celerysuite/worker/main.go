// Command worker is a Go worker with the tasks that Celery's own integration suite calls, by its names.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"

	"healpipe/celery"
)

func num(v any) float64 {
	switch x := v.(type) {
	case int64:
		return float64(x)
	case int:
		return float64(x)
	case float64:
		return x
	}
	panic(celery.Errorf("TypeError", "unsupported operand %T", v))
}
func norm(f float64) any {
	if f == float64(int64(f)) {
		return int64(f)
	}
	return f
}
func plus(vs ...any) (any, error) {
	s := 0.0
	if len(vs) == 0 {
		return 0, nil
	}
	if t, ok := vs[0].(string); ok {
		for _, v := range vs[1:] {
			u, ok := v.(string)
			if !ok {
				return nil, celery.Errorf("TypeError", "can only concatenate str")
			}
			t += u
		}
		return t, nil
	}
	for _, v := range vs {
		switch v.(type) {
		case int64, float64, int:
			s += num(v)
		default:
			return nil, celery.Errorf("TypeError", "unsupported operand type(s) for +: 'int' and '%T'", v)
		}
	}
	return norm(s), nil
}

func main() {
	broker := flag.String("broker", os.Getenv("TEST_BROKER"), "")
	backend := flag.String("backend", os.Getenv("TEST_BACKEND"), "")
	c := flag.Int("c", 1, "")
	node := flag.String("n", "", "")
	flag.Parse()
	app := celery.New(celery.Config{Name: "celery.tests", Broker: *broker, ResultBackend: *backend, ResultExtended: true})
	pool := &redis.Pool{MaxIdle: 8, Dial: func() (redis.Conn, error) { return redis.DialURL(*broker) }}
	do := func(cmd string, args ...any) error {
		conn := pool.Get()
		defer conn.Close()
		_, err := conn.Do(cmd, args...)
		return err
	}
	T := "t.integration.tasks."
	reg := func(name string, fn any, o celery.TaskOptions, params ...string) *celery.Task {
		o.Params = params
		return app.MustRegister(T+name, fn, o)
	}
	S := func(name string, args ...any) *celery.Signature { return app.Signature(T+name, args...) }
	cur := celery.CurrentRequest
	O := celery.TaskOptions{}
	yes, no := true, false
	one := 1

	reg("identity", func(x any) any { return x }, O, "x")
	reg("add", func(x, y, z any) (any, error) {
		if l, ok := x.([]any); ok {
			return append(l, y.([]any)...), nil
		}
		if z != nil {
			return plus(x, y, z)
		}
		return plus(x, y)
	}, O, "x", "y", "z=None")
	reg("mul", func(x, y any) any { return norm(num(x) * num(y)) }, O, "x", "y")
	reg("write_to_file_and_return_int", func(file string, i any) (any, error) {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		fmt.Fprintln(f, i)
		return i, nil
	}, O, "file_name", "i")
	reg("add_not_typed", func(x, y any) (any, error) { return plus(x, y) }, O, "x", "y")
	reg("add_ignore_result", func(x, y any) (any, error) { return plus(x, y) }, celery.TaskOptions{IgnoreResult: &yes}, "x", "y")
	reg("add_with_result", func(x, y any) (any, error) { return plus(x, y) }, celery.TaskOptions{IgnoreResult: &no}, "x", "y")
	reg("raise_error", func(args []any) error { return celery.Errorf("ValueError", "deliberate error") }, O, "*args")
	reg("chain_add", func(ctx context.Context, x, y any) error {
		_, err := celery.Chain(S("add", x, x), S("add", y)).Delay(ctx)
		return err
	}, O, "x", "y")
	reg("chord_add", func(ctx context.Context, x, y any) error {
		_, err := celery.Chord([]*celery.Signature{S("add", x, x)}, S("add", y)).Delay(ctx)
		return err
	}, O, "x", "y")
	sleep := func(ctx context.Context, s any) error {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Duration(num(s) * float64(time.Second))):
			return nil
		}
	}
	reg("delayed_sum", func(ctx context.Context, n []any, p any) (any, error) {
		if err := sleep(ctx, p); err != nil {
			return nil, err
		}
		return plus(n...)
	}, O, "numbers", "pause_time=1")
	reg("delayed_sum_with_soft_guard", func(ctx context.Context, n []any, p any) (any, error) {
		if err := sleep(ctx, p); err != nil {
			return 0, nil
		}
		return plus(n...)
	}, O, "numbers", "pause_time=1")
	reg("tsum", func(n []any) (any, error) { return plus(n...) }, O, "nums")
	reg("xsum", func(n []any) (any, error) {
		t := []any{}
		for _, v := range n {
			if l, ok := v.([]any); ok {
				t = append(t, l...)
			} else {
				t = append(t, v)
			}
		}
		return plus(t...)
	}, O, "nums")
	reg("sum_and_record", func(ctx context.Context, v []any, key string) (any, error) {
		if err := do("RPUSH", key, cur(ctx).ID); err != nil {
			return nil, err
		}
		return plus(v...)
	}, O, "values", "redis_key")
	reg("add_replaced", func(ctx context.Context, x, y any) error { return cur(ctx).Replace(ctx, S("add", x, y)) }, O, "x", "y")
	reg("add_replaced_with_chain", func(ctx context.Context, x, y any) error {
		return cur(ctx).Replace(ctx, celery.Chain(S("add", x, y), S("identity")))
	}, O, "x", "y")
	reg("record_replaced_task_nesting", func(ctx context.Context, n int, nest []any) (any, error) {
		nest = append(nest, cur(ctx).ReplacedTaskNesting())
		if n > 0 {
			return nil, cur(ctx).Replace(ctx, S("record_replaced_task_nesting", n-1, nest).Set(celery.Options{ReplyTo: cur(ctx).ReplyTo}))
		}
		return nest, nil
	}, O, "replacements", "nesting=[]")
	redirect := func(msg any) *celery.Signature {
		if msg != nil {
			return S("redis_echo", msg).SetImmutable()
		}
		return S("redis_echo")
	}
	reg("replace_with_chain", func(ctx context.Context, args []any, msg any) error {
		c := celery.Chain(S("identity", args...), S("identity"))
		c.Link(redirect(msg))
		return cur(ctx).Replace(ctx, c)
	}, O, "*args", "link_msg=None")
	reg("replace_with_chain_which_raises", func(ctx context.Context, args []any, msg any) error {
		c := celery.Chain(S("identity", args...), S("raise_error"))
		c.LinkError(redirect(msg))
		return cur(ctx).Replace(ctx, c)
	}, O, "*args", "link_msg=None")
	reg("replace_with_empty_chain", func(ctx context.Context, _ []any) error { return cur(ctx).Replace(ctx, celery.Chain()) }, O, "*_")
	reg("replace_with_chain_which_contains_a_group", func(ctx context.Context) error {
		return cur(ctx).Replace(ctx, celery.Chain(S("add", 1, 2), celery.Group(S("add", 1), S("add", 1))))
	}, O)
	reg("add_to_all", func(ctx context.Context, nums []any, val any) error {
		var m []*celery.Signature
		for _, n := range nums {
			m = append(m, S("add", n, val))
		}
		return cur(ctx).Replace(ctx, celery.Group(m...))
	}, O, "nums", "val")
	reg("add_to_all_to_chord", func(ctx context.Context, nums []any, val any) (any, error) {
		for _, n := range nums {
			if _, err := cur(ctx).AddToChord(ctx, S("add", n, val)); err != nil {
				return nil, err
			}
		}
		return 0, nil
	}, O, "nums", "val")
	reg("add_chord_to_chord", func(ctx context.Context, nums []any, val any) (any, error) {
		var m []*celery.Signature
		for _, n := range nums {
			m = append(m, S("add", n, val))
		}
		_, err := cur(ctx).AddToChord(ctx, celery.Group(m...).Or(S("tsum")))
		return 0, err
	}, O, "nums", "val")
	reg("print_unicode", func(ctx context.Context, l, p string) { celery.Logger(ctx).Warn(l) }, O, `log_message="håå®ƒ valmuefrø"`, `print_message="hiöäüß"`)
	reg("return_exception", func(e any) any { return []any{e, true} }, O, "e")
	reg("sleeping", func(ctx context.Context, i any, _ map[string]any) error { return sleep(ctx, i) }, O, "i", "**_")
	reg("ids", func(ctx context.Context, i any) any { return []any{cur(ctx).RootID, nz(cur(ctx).ParentID), i} }, O, "i")
	reg("collect_ids", func(ctx context.Context, res, i any) any {
		return []any{res, []any{cur(ctx).RootID, nz(cur(ctx).ParentID), i}}
	}, O, "res", "i")
	expected := "t.integration.tasks.ExpectedException"
	exc := func(args ...any) error {
		return &celery.Error{Class: "ExpectedException", Module: "t.integration.tasks", Args: args}
	}
	_ = expected
	var mu sync.Mutex
	attempt := 0
	reg("retry", func(ctx context.Context, rv any) (any, error) {
		if rv != nil {
			mu.Lock()
			defer mu.Unlock()
			if attempt >= 3 {
				attempt = 0
				return rv, nil
			}
			attempt++
		}
		return nil, cur(ctx).Retry(ctx, celery.RetryOptions{Err: exc(), Countdown: 5 * time.Second})
	}, celery.TaskOptions{DefaultRetryDelay: time.Second}, "return_value=None")
	unp := func(foo, bar any) error {
		return &celery.Error{Class: "UnpickleableException", Module: "t.integration.tasks", Args: []any{foo}}
	}
	reg("retry_unpickleable", func(ctx context.Context, foo, bar any, kw map[string]any) error {
		o := celery.RetryOptions{Err: unp(foo, bar)}
		if v, ok := kw["countdown"]; ok {
			o.Countdown = time.Duration(num(v) * 1e9)
			o.Now = o.Countdown == 0
		}
		if v, ok := kw["max_retries"]; ok {
			n := int(num(v))
			o.MaxRetries = &n
		}
		return cur(ctx).Retry(ctx, o)
	}, celery.TaskOptions{DefaultRetryDelay: time.Second}, "foo", "bar", "*", "retry_kwargs")
	reg("retry_with_args_after_kwargs", func(ctx context.Context, foo, bar, label any) (any, error) {
		if cur(ctx).Retries == 0 {
			return nil, cur(ctx).Retry(ctx, celery.RetryOptions{Args: []any{norm(num(foo) + 1), norm(num(bar) + 1)}, Now: true})
		}
		return map[string]any{"foo": foo, "bar": bar, "label": label, "retries": cur(ctx).Retries, "is_eager": false}, nil
	}, celery.TaskOptions{MaxRetries: &one}, "foo", "bar", "label=None")
	reg("retry_with_kwargs_after_args", func(ctx context.Context, foo, bar any) (any, error) {
		if cur(ctx).Retries == 0 {
			return nil, cur(ctx).Retry(ctx, celery.RetryOptions{Kwargs: map[string]any{"foo": norm(num(foo) + 1)}, Now: true})
		}
		return map[string]any{"foo": foo, "bar": bar, "retries": cur(ctx).Retries, "is_eager": false}, nil
	}, celery.TaskOptions{MaxRetries: &one}, "foo", "bar")
	once := func(what func(r *celery.Request) any) func(ctx context.Context, a []any, expires, mr, cd any) (any, error) {
		return func(ctx context.Context, a []any, expires, mr, cd any) (any, error) {
			if cur(ctx).Retries > 0 {
				return what(cur(ctx)), nil
			}
			n := int(num(mr))
			o := celery.RetryOptions{Countdown: time.Duration(num(cd) * 1e9), MaxRetries: &n}
			if expires != nil {
				switch e := expires.(type) {
				case time.Time:
					o.Options.Expires = e
				default:
					o.Options.ExpiresIn = time.Duration(num(e) * 1e9)
				}
			}
			return nil, cur(ctx).Retry(ctx, o)
		}
	}
	reg("retry_once", once(func(r *celery.Request) any { return r.Retries }), celery.TaskOptions{Expires: 120 * time.Second, MaxRetries: &one}, "*args", "expires=None", "max_retries=1", "countdown=0.1")
	onceNow := func(ctx context.Context) (any, error) {
		if cur(ctx).Retries == 0 {
			return nil, cur(ctx).Retry(ctx, celery.RetryOptions{Now: true})
		}
		return cur(ctx).Retries, nil
	}
	reg("retry_once_ignore_result", onceNow, celery.TaskOptions{IgnoreResult: &yes})
	reg("retry_once_with_result", onceNow, celery.TaskOptions{IgnoreResult: &no})
	reg("retry_once_priority", func(ctx context.Context, a []any, expires, mr, cd any) (any, error) {
		return once(func(r *celery.Request) any { return r.Priority() })(ctx, a, nil, mr, cd)
	}, celery.TaskOptions{MaxRetries: &one}, "*args", "expires=60.0", "max_retries=1", "countdown=0.1")
	reg("retry_once_headers", func(ctx context.Context, a []any, mr, cd any) (any, error) {
		return once(func(r *celery.Request) any { return r.UserHeaders() })(ctx, a, nil, mr, cd)
	}, celery.TaskOptions{MaxRetries: &one}, "*args", "max_retries=1", "countdown=0.1")
	reg("redis_echo", func(m, k any) error { return do("RPUSH", k, text(m)) }, O, "message", `redis_key="redis-echo"`)
	reg("redis_echo_group_id", func(ctx context.Context, _, k any) error { return do("RPUSH", k, cur(ctx).Group) }, O, "_", `redis_key="redis-group-ids"`)
	reg("redis_count", func(k any) error { return do("INCR", k) }, O, `redis_key="redis-count"`)
	si := func(s *celery.Signature) *celery.Signature { return s.SetImmutable() }
	reg("second_order_replace1", func(ctx context.Context, state bool) error {
		if state {
			return do("RPUSH", "redis-echo", "Out A")
		}
		do("RPUSH", "redis-echo", "In A")
		return cur(ctx).Replace(ctx, celery.Chain(S("second_order_replace2"), si(S("second_order_replace1").Kw(map[string]any{"state": true}))))
	}, O, "state=false")
	reg("second_order_replace2", func(ctx context.Context, state bool) error {
		if state {
			return do("RPUSH", "redis-echo", "Out B")
		}
		do("RPUSH", "redis-echo", "In B")
		return cur(ctx).Replace(ctx, celery.Chain(S("redis_echo", "In/Out C"), si(S("second_order_replace2").Kw(map[string]any{"state": true}))))
	}, O, "state=false")
	reg("build_chain_inside_task", func(ctx context.Context) (any, error) {
		return celery.Chain(S("add", 1, 1), S("add", 2), celery.Group(S("add", 3), S("add", 4)), S("add", 5)).Delay(ctx)
	}, O)
	reg("fail", func(args []any) error { return exc(append([]any{"Task expected to fail"}, args...)...) }, O, "*args")
	reg("fail_unpickleable", unp, O, "foo", "bar")
	reg("fail_replaced", func(ctx context.Context, args []any) error { return cur(ctx).Replace(ctx, si(S("fail", args...))) }, O, "*args")
	reg("return_priority", func(ctx context.Context, _ []any) any { return fmt.Sprintf("Priority: %v", cur(ctx).Priority()) }, O, "*_args")
	reg("return_request_eta", func(ctx context.Context) any {
		if cur(ctx).ETA.IsZero() {
			return nil
		}
		return cur(ctx).Headers["eta"]
	}, O)
	reg("return_properties", func(ctx context.Context) any { return cur(ctx).Properties() }, O)
	app.MustRegister("auto_retry_class_task", func(ctx context.Context) (any, error) {
		if n := cur(ctx).Retries; n > 0 {
			return n, nil
		}
		return nil, celery.Errorf("ValueError", "")
	}, celery.TaskOptions{AutoretryFor: []error{celery.Exception("ValueError")}, MaxRetries: &one, RetryBackoff: time.Second})
	type sigs = []*celery.Signature
	A := func() *celery.Signature { return S("add") }
	nested := map[string]func() *celery.Signature{
		"chain_chain": func() *celery.Signature { return celery.Chain(celery.Chain(A())) },
		"chain_group": func() *celery.Signature { return celery.Chain(celery.Group(A())) },
		"chain_chord": func() *celery.Signature { return celery.Chain(celery.Chord(sigs{A()}, A())) },
		"group_chain": func() *celery.Signature { return celery.Group(celery.Chain(A())) },
		"group_group": func() *celery.Signature { return celery.Group(celery.Group(A())) },
		"group_chord": func() *celery.Signature { return celery.Group(celery.Chord(sigs{A()}, A())) },
		"chord_chain": func() *celery.Signature { return celery.Chord(sigs{celery.Chain(A())}, A()) },
		"chord_group": func() *celery.Signature { return celery.Chord(sigs{celery.Group(A())}, A()) },
		"chord_chord": func() *celery.Signature { return celery.Chord(sigs{celery.Chord(sigs{A()}, A())}, A()) },
	}
	for n, f := range nested {
		reg("return_nested_signature_"+n, func() any { return f() }, O)
	}
	reg("rebuild_signature", func(d map[string]any) error {
		_, err := app.SignatureFrom(d)
		return err
	}, O, "sig_dict")
	reg("errback_old_style", func(id string) (any, error) { return id, do("INCR", id) }, O, "request_id")
	newStyle := func(r *celery.Request, e error, tb string) (any, error) { return r.ID, do("INCR", r.ID) }
	reg("errback_new_style", newStyle, O, "request", "exc", "tb")
	reg("errback_old_style_with_args", func(id string, label any) error { return do("RPUSH", id, label) }, O, "request_id", "label")
	reg("errback_new_style_with_args", func(r *celery.Request, e error, tb string, label any) error { return do("RPUSH", r.ID, label) }, O, "request", "exc", "tb", "label")
	reg("replaced_with_me", func() bool { return true }, O)
	pyd := func(d map[string]any) (any, error) {
		v, err := plus(d["x"], d["y"])
		return map[string]any{"result": v}, err
	}
	reg("add_pydantic", pyd, O, "data")
	reg("add_pydantic_string_annotations", pyd, O, "data")
	reg("replace_with_stamped_task", func(ctx context.Context, with any) error {
		s := S("replaced_with_me")
		if with != nil {
			var err error
			if s, err = app.SignatureFrom(with); err != nil {
				return err
			}
		}
		s.Set(celery.Options{Stamps: map[string]any{"StampOnReplace": "This is the replaced task"}})
		return cur(ctx).Replace(ctx, s)
	}, O, "replace_with=None")
	late := celery.TaskOptions{AcksLate: true}
	reg("store_success_then_reject", func(ctx context.Context) (any, error) {
		if !cur(ctx).Redelivered() {
			if err := cur(ctx).UpdateState(ctx, "SUCCESS", "first-pass"); err != nil {
				return nil, err
			}
			return nil, &celery.Reject{Requeue: true}
		}
		return "dedup-pass", nil
	}, late)
	reg("reject_then_succeed", func(ctx context.Context) (any, error) {
		if !cur(ctx).Redelivered() {
			return nil, &celery.Reject{Requeue: true}
		}
		return "second-pass", nil
	}, late)
	reg("reject_without_requeue", func() error { return &celery.Reject{Reason: "rejected"} }, O)
	reg("soft_time_limit_must_exceed_time_limit", func() {}, celery.TaskOptions{SoftTimeLimit: 2 * time.Second, TimeLimit: time.Second})
	limits := func(ctx context.Context) any {
		h, s := cur(ctx).TimeLimits()
		f := func(d time.Duration) any {
			if d == 0 {
				return nil
			}
			return norm(d.Seconds())
		}
		return map[string]any{"time_limit": f(h), "soft_time_limit": f(s)}
	}
	reg("return_request_time_limits", limits, O)
	reg("task_with_declared_time_limits", limits, celery.TaskOptions{TimeLimit: time.Minute, SoftTimeLimit: 45 * time.Second})
	app.MustRegister("celery.ping", func() string { return "pong" })

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := app.Worker(celery.WorkerOptions{Concurrency: *c, LogLevel: celery.Info, WithoutHeartbeat: true, Hostname: *node}).Run(ctx); err != nil {
		log.Fatal(err)
	}
}

func nz(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func text(m any) any {
	if b, ok := m.([]byte); ok {
		return b
	}
	return fmt.Sprint(m)
}
