package celery_test

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"healpipe/celery"
	"healpipe/celery/kombu"
	"healpipe/internal/testenv"
)

var anyID = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// seen is what client.py calls outcome: a value, or an exception as its class and arguments.
func seen(t *testing.T, v any, err error) any {
	var exc *celery.Error
	if errors.As(err, &exc) {
		args := []any{}
		for _, a := range exc.Args {
			if s, ok := a.(string); ok {
				args = append(args, anyID.ReplaceAllString(s, "ID"))
			} else {
				args = append(args, celery.Repr(a))
			}
		}
		return []any{exc.Module + "." + exc.Class, args}
	}
	if err != nil {
		t.Error(err)
	}
	return v
}

// TestResultsAsPython: a task's and a group's result, asked for by Python's client and by this one.
func TestResultsAsPython(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Name: "suite", Broker: url, ResultBackend: url})
	registerSuite(t, app, url)
	runWorker(t, app, celery.WorkerOptions{Concurrency: 4})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()

	s := func(name string, args ...any) *celery.Signature { return app.Signature("suite."+name, args...) }
	send := func(sig *celery.Signature) *celery.AsyncResult {
		t.Helper()
		r, err := sig.Delay(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	ask := func(f func(context.Context) (bool, error)) bool {
		t.Helper()
		b, err := f(ctx)
		if err != nil {
			t.Error(err)
		}
		return b
	}
	state := func(r *celery.AsyncResult) string {
		s, err := r.State(ctx)
		if err != nil {
			t.Error(err)
		}
		return s
	}
	value := func(r *celery.AsyncResult) any {
		v, err := r.Result(ctx)
		return seen(t, v, err)
	}
	look := func(r *celery.AsyncResult) any {
		v, err := r.Get(ctx)
		traceback, _ := r.Traceback(ctx)
		children, _ := r.Children(ctx)
		return map[string]any{"get": seen(t, v, err), "state": state(r), "ready": ask(r.Ready), "successful": ask(r.Successful), "failed": ask(r.Failed),
			"result": value(r), "traceback": traceback != "", "children": len(children), "exists": ask(r.Exists)}
	}
	lookAtGroup := func(r *celery.AsyncResult) any {
		each := []string{}
		if err := r.Each(ctx, func(_ *celery.AsyncResult, v any, err error) {
			each = append(each, celery.Repr(seen(t, v, err)))
		}); err != nil {
			t.Error(err)
		}
		slices.Sort(each)
		v, err := r.Join(ctx)
		n, countErr := r.CompletedCount(ctx)
		if countErr != nil {
			t.Error(countErr)
		}
		return map[string]any{"join": seen(t, v, err), "completed": n, "ready": ask(r.Ready), "successful": ask(r.Successful), "failed": ask(r.Failed),
			"waiting": ask(r.Waiting), "each": each}
	}
	collect := func(r *celery.AsyncResult) any {
		out := []any{}
		err := r.Collect(ctx, func(_ *celery.AsyncResult, v any) { out = append(out, v) })
		return seen(t, out, err)
	}

	got := map[string]any{"success": look(send(s("add", 1, 2))), "fail": look(send(s("fail", "no"))), "nothing": look(send(s("none"))), "replaced": look(send(s("replace_add", 3, 4)))}
	r := send(celery.Chain(s("add", 1, 2), s("add", 3), s("add", 4)))
	var root any
	if r.Parent.Parent.Parent != nil {
		root = "a parent too many"
	}
	got["chain"] = []any{look(r), look(r.Parent), look(r.Parent.Parent), root}
	got["collected"] = collect(r.Parent.Parent)
	if err := r.Forget(ctx); err != nil {
		t.Error(err)
	}
	var forgotten []any
	for x := r; x != nil; x = x.Parent {
		forgotten = append(forgotten, []any{state(x), ask(x.Exists), value(x)})
	}
	got["forgotten"] = forgotten
	r = send(celery.Chain(s("add", 1, 2), s("fail"), s("identity")))
	got["broken chain"] = []any{look(r), look(r.Parent)}
	got["broken collection"] = collect(r.Parent.Parent)
	got["collected tree"] = collect(send(s("add", 1, 2).Link(s("add", 10).Link(s("add", 100))).Link(s("add", 20).Link(s("add", 200)))))
	got["chord"] = look(send(celery.Chord([]*celery.Signature{s("add", 1, 1), s("add", 2, 2)}, s("xsum"))))
	got["broken chord"] = look(send(celery.Chord([]*celery.Signature{s("add", 1, 1), s("fail")}, s("xsum"))))
	r = send(celery.Group(s("add", 0, 0), s("add", 1, 1), s("add", 2, 2)))
	got["group"] = lookAtGroup(r)
	if err := r.Save(ctx); err != nil {
		t.Error(err)
	}
	again, err := app.RestoreGroup(ctx, r.ID)
	if err != nil || again == nil {
		t.Fatal(again, err)
	}
	ids := func(r *celery.AsyncResult) (out []string) {
		for _, m := range r.Results {
			out = append(out, m.ID)
		}
		return out
	}
	got["restored"] = []any{lookAtGroup(again), again.ID == r.ID, slices.Equal(ids(again), ids(r))}
	if err := r.Forget(ctx); err != nil {
		t.Error(err)
	}
	if again, err = app.RestoreGroup(ctx, r.ID); again != nil || err != nil {
		got["deleted"] = "still there"
	} else {
		got["deleted"] = nil
	}
	got["broken group"] = lookAtGroup(send(celery.Group(s("add", 1, 1), s("fail", "x"), s("add", 2, 2))))
	set := app.ResultSet(send(s("add", 1, 1)), send(s("add", 2, 2)), send(s("fail", "set")))
	got["set"] = lookAtGroup(set)
	if err := set.Forget(ctx); err != nil {
		t.Error(err)
	}
	got["forgotten set"] = []any{state(set.Results[0]), state(set.Results[1]), state(set.Results[2])}
	r = app.AsyncResult("no-such")
	var none any
	if tb, err := r.Traceback(ctx); tb != "" || err != nil {
		none = tb
	}
	got["unknown"] = []any{state(r), value(r), ask(r.Ready), ask(r.Exists), none}
	r = send(s("add", 1, 2).Set(celery.Options{Countdown: time.Hour}))
	if err := r.Revoke(ctx, false); err != nil {
		t.Error(err)
	}
	got["revoked"] = look(r)
	states := []string{}
	v, err := send(s("progress")).Follow(ctx, func(meta map[string]any) { states = append(states, meta["status"].(string)) })
	others := slices.DeleteFunc(slices.Clone(states), func(s string) bool { return s == "STARTED" || s == "PROGRESS" || s == "SUCCESS" })
	got["followed"] = []any{seen(t, v, err), others}
	v, err = send(celery.Chunks(s("add"), []any{[]any{0, 0}, []any{1, 1}, []any{2, 2}, []any{3, 3}, []any{4, 4}}, 2)).Get(ctx)
	got["chunks"] = seen(t, v, err)
	v, err = send(celery.Map(s("identity"), []any{1, []any{2}, nil})).Get(ctx)
	got["map"] = seen(t, v, err)
	v, err = send(celery.Starmap(s("add"), []any{[]any{1, 2}, []any{3, 4}})).Get(ctx)
	got["starmap"] = seen(t, v, err)
	same(t, python(t, url, "client.py", "results"), got)
}

// same compares what Python printed with what was seen here, key by key.
func same(t *testing.T, text []byte, got any) {
	t.Helper()
	ours, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var a, b map[string]any
	unmarshal(t, text, &a)
	unmarshal(t, ours, &b)
	if len(a) < 10 {
		t.Fatalf("Python saw little: %s", text)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("Python (-) and Go (+) differ:\n%s", diff)
	}
}

// TestFollow: every state reaches the one who follows, here before the task goes on.
func TestFollow(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	for name, backend := range map[string]string{"redis": url, "rpc": "rpc://"} {
		app := newApp(t, celery.Config{Broker: url, ResultBackend: backend, DefaultQueue: name})
		read := make(chan any)
		steps := app.MustRegister("steps", func(ctx context.Context) (string, error) {
			for i := range 3 {
				if err := celery.CurrentRequest(ctx).UpdateState(ctx, "STEP", i); err != nil {
					return "", err
				}
				select {
				case <-read:
				case <-ctx.Done():
				}
			}
			return "end", nil
		})
		runWorker(t, app, celery.WorkerOptions{Concurrency: 1})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		res, err := steps.Delay(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var states []any
		v, err := res.Follow(ctx, func(meta map[string]any) {
			if states = append(states, meta["result"]); meta["status"] == "STEP" {
				read <- nil
			}
		})
		if diff := cmp.Diff([]any{int64(0), int64(1), int64(2), "end"}, states); diff != "" || v != "end" || err != nil {
			t.Errorf("%s: %v, %v:\n%s", name, v, err, diff)
		}
	}
}

// TestCallsAsPython: the message of a call with each option, from Python's client and from this one.
func TestCallsAsPython(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	app := newApp(t, celery.Config{Name: "suite", Broker: url})
	registerSuite(t, app, url)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	theirs := python(t, url, "client.py", "calls") // declares the queue's binding, too

	s := func(name string, args ...any) *celery.Signature { return app.Signature("suite."+name, args...) }
	noon, index, yes := time.Date(2030, 1, 2, 12, 30, 0, 0, time.UTC), int64(3), true
	type call func(o celery.Options) (*celery.AsyncResult, error)
	add := func(set func(o *celery.Options)) call {
		return func(o celery.Options) (*celery.AsyncResult, error) {
			set(&o)
			return app.Task("suite.add").ApplyAsync(ctx, []any{1, 2}, nil, o)
		}
	}
	calls := map[string]call{
		"plain": add(func(*celery.Options) {}),
		"keywords": func(o celery.Options) (*celery.AsyncResult, error) {
			return app.Task("suite.add").ApplyAsync(ctx, []any{1}, map[string]any{"y": 2}, o)
		},
		"eta":           add(func(o *celery.Options) { o.ETA, o.Expires = noon, noon.Add(time.Hour) }),
		"priority":      add(func(o *celery.Options) { o.Priority = celery.Prio(7) }),
		"yaml":          add(func(o *celery.Options) { o.Serializer = "yaml" }),
		"msgpack, zlib": add(func(o *celery.Options) { o.Serializer, o.Compression = "msgpack", "zlib" }),
		"limits":        add(func(o *celery.Options) { o.TimeLimit, o.SoftTimeLimit = 10*time.Second, 5500*time.Millisecond }),
		"shown":         add(func(o *celery.Options) { o.Shadow, o.ArgsRepr, o.KwargsRepr = "shadow", "(...)", "{...}" }),
		"ignored":       add(func(o *celery.Options) { o.IgnoreResult = &yes }),
		"links": add(func(o *celery.Options) {
			o.Link, o.LinkError = []*celery.Signature{s("add", 3), s("identity", 1).SetImmutable()}, []*celery.Signature{s("errback")}
		}),
		"family": add(func(o *celery.Options) {
			o.GroupID, o.GroupIndex, o.RootID, o.ParentID = "group", &index, "root", "parent"
		}),
		"rest": add(func(o *celery.Options) {
			o.ReplyTo, o.Headers, o.Retries, o.ReplacedNested = "me", map[string]any{"own": []any{1, nil}}, 2, 1
		}),
		"delivery": add(func(o *celery.Options) { o.DeliveryMode = 1 }),
		"stamps":   add(func(o *celery.Options) { o.Stamps = map[string]any{"tenant": "a"} }),
		"stamped link": func(o celery.Options) (*celery.AsyncResult, error) {
			sig := s("add", 1, 2).Link(s("add", 3)).LinkError(s("errback"))
			return sig.Stamp(map[string]any{"tenant": "a"}).ApplyAsync(ctx, nil, nil, o)
		},
		"stamped chain": func(o celery.Options) (*celery.AsyncResult, error) {
			first := s("add", 1, 2).Set(celery.Options{Stamps: map[string]any{"tenant": "old", "own": 3}})
			sig := celery.Chain(first, celery.Chord([]*celery.Signature{s("add", 1), s("add", 2)}, s("xsum")), s("add", 5))
			return sig.Stamp(map[string]any{"tenant": "a"}).ApplyAsync(ctx, nil, nil, o)
		},
		"chain": add(func(o *celery.Options) {
			o.Chain = []*celery.Signature{s("add", 4).Set(celery.Options{TaskID: "second"}), s("add", 3).Set(celery.Options{TaskID: "first"})}
		}),
		"chord":    add(func(o *celery.Options) { o.Chord, o.GroupID = s("xsum").Set(celery.Options{TaskID: "body"}), "group" }),
		"property": add(func(o *celery.Options) { o.Other = map[string]any{"message_id": "mine"} }),
		"exchange": add(func(o *celery.Options) {
			o.Queue, o.Exchange, o.ExchangeType, o.RoutingKey = "", "calls", "direct", "calls"
		}),
		"by name": func(o celery.Options) (*celery.AsyncResult, error) {
			return app.SendTask(ctx, "far.away", []any{"x"}, map[string]any{"k": map[string]any{"a": 1.5}}, o)
		},
		"signature": func(o celery.Options) (*celery.AsyncResult, error) {
			sig := s("add", 1).Kw(map[string]any{"z": 5}).Set(celery.Options{Priority: celery.Prio(3)})
			return sig.ApplyAsync(ctx, []any{0}, map[string]any{"z": 6}, o)
		},
		"immutable": func(o celery.Options) (*celery.AsyncResult, error) {
			return app.Task("suite.add").SI(1, 2).Set(celery.Options{Shadow: "fixed"}).ApplyAsync(ctx, []any{0}, nil, o)
		},
	}
	c := dial(t, url)
	keys := map[string]string{}
	for name, f := range calls {
		if _, err := f(celery.Options{Queue: "calls", TaskID: "id"}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		found, err := redis.Strings(c.Do("KEYS", "calls*"))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: lists %q, %v", name, found, err)
		}
		keys[name] = found[0]
		if _, err := c.Do("RENAME", found[0], "kept:"+name); err != nil {
			t.Fatal(err)
		}
	}
	names, err := kombu.EncodeJSON(keys)
	if err != nil {
		t.Fatal(err)
	}
	var ours map[string]any
	unmarshal(t, python(t, url, "client.py", "messages", string(names)), &ours)
	same(t, theirs, ours)
}
