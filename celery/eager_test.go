package celery_test

import (
	"errors"
	"fmt"
	"os/exec"
	"testing"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"healpipe/celery"
	"healpipe/celery/kombu"
	"healpipe/internal/testenv"
)

// TestEagerSameAsPython compares what calls in the caller's own process come to, with apply() and task_always_eager.
func TestEagerSameAsPython(t *testing.T) {
	t.Parallel()
	broker := testenv.StartRedis(t).URL(0)
	py := decoded(t, python(t, broker, "eager.py"))
	app := newApp(t, celery.Config{Name: "suite", Broker: broker})
	registerSuite(t, app, broker)
	ctx := t.Context()

	var of func(res *celery.AsyncResult, err error) any
	of = func(res *celery.AsyncResult, err error) any {
		var e *celery.Error
		if errors.As(err, &e) {
			return fmt.Sprintf("raised %s%s", e.Class, args(e))
		}
		if err != nil {
			return err.Error()
		}
		if res.IsGroup() {
			list := []any{}
			for _, m := range res.Results {
				list = append(list, of(m, nil))
			}
			return list
		}
		state, err := res.State(ctx)
		if err != nil {
			t.Error(err)
		}
		v, err := res.Get(ctx)
		if errors.As(err, &e) {
			v = e.Class + args(e)
		}
		return []any{state, v}
	}
	state := func(v any) any { return v.([]any)[0] }
	s := func(name string, args ...any) *celery.Signature { return app.Signature("suite."+name, args...) }
	apply := func(sig *celery.Signature) any { return of(sig.Apply(ctx, nil, nil, celery.Options{})) }
	compare := func(part string, own map[string]any) {
		t.Helper()
		raw, err := kombu.EncodeJSON(own)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(py[part], any(decoded(t, raw))); diff != "" {
			t.Errorf("%s: Python (-) and Go (+) differ:\n%s", part, diff)
		}
	}
	compare("apply", map[string]any{
		"apply":                  apply(s("add", 1, 2)),
		"failure":                apply(s("fail", "bad", 1)),
		"wrong arguments":        state(apply(s("add", 1, 2, 3, 4))),
		"retried":                apply(s("retry_once")),
		"retries exhausted":      apply(s("retry_exhausted", true)),
		"autoretry":              apply(s("autoretry")),
		"ignored":                state(apply(s("ignore"))),
		"rejected":               state(apply(s("reject", false))),
		"chain":                  apply(celery.Chain(s("add", 1, 2), s("add", 3), s("add", 4))),
		"chain failure":          apply(celery.Chain(s("add", 1, 2), s("fail"), s("add", 4))),
		"group":                  apply(celery.Group(s("add", 1, 1), s("add", 2, 2))),
		"chord":                  apply(celery.Chord([]*celery.Signature{s("add", 1, 1), s("add", 2, 2)}, s("xsum"))),
		"chord in a chain":       apply(celery.Chain(s("add", 1, 1), celery.Group(s("add", 1), s("add", 2)), s("xsum"), s("add", 10))),
		"chord failure":          apply(celery.Chord([]*celery.Signature{s("add", 1, 1), s("fail", "part")}, s("xsum"))),
		"map":                    apply(celery.Map(s("xsum"), []any{[]any{1, 2}, []any{3}})),
		"starmap":                apply(celery.Starmap(s("add"), []any{[]any{1, 2}, []any{3, 4}})),
		"replaced":               apply(s("replace_add", 1, 2)),
		"replaced by a chain":    apply(s("replace_chain", 1)),
		"replaced by a group":    apply(s("replace_group", 3)),
		"type after the journey": apply(s("identity", []any{1, []any{2, map[string]any{"a": nil}}})),
	})

	conf := celery.Config{Name: "suite", Broker: broker, TaskAlwaysEager: true}
	app = newApp(t, conf)
	registerSuite(t, app, broker)
	delay := func(sig *celery.Signature) any { return of(sig.Delay(ctx)) }
	c := dial(t, broker)
	if _, err := c.Do("DEL", "echo"); err != nil {
		t.Fatal(err)
	}
	linked := of(app.Task("suite.add").ApplyAsync(ctx, []any{1, 2}, nil, celery.Options{Link: []*celery.Signature{s("echo")}}))
	echo, err := redis.Strings(c.Do("LRANGE", "echo", 0, -1))
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]any{
		"delay":                  of(app.Task("suite.add").Delay(ctx, 1, 2)),
		"link":                   []any{linked, echo},
		"chain":                  delay(celery.Chain(s("add", 1, 2), s("add", 3))),
		"group":                  delay(celery.Group(s("add", 1, 1), s("add", 2, 2))),
		"chord":                  delay(celery.Chord([]*celery.Signature{s("add", 1, 1), s("add", 2, 2)}, s("xsum"))),
		"type after the journey": delay(s("identity", []any{1, []any{2, map[string]any{"a": nil}}})),
		"subtasks":               delay(s("children")),
	}
	res, err := s("add", 1, 1).Delay(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Revoke(ctx, false); err != nil {
		t.Error(err)
	}
	own["revoked"] = state(of(res, nil))
	conf.TaskEagerPropagates = true
	app = newApp(t, conf)
	registerSuite(t, app, broker)
	own["propagates"] = delay(s("fail", "bad", 1))
	compare("eager", own)
	if n := length(t, c, "LLEN", "celery"); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
}

// args prints an exception's arguments as Python prints a tuple.
func args(e *celery.Error) string {
	if e.Class == "Retry" || len(e.Args) == 0 {
		return "()"
	}
	out := "("
	for i, a := range e.Args {
		if i > 0 {
			out += ", "
		}
		if s, ok := a.(string); ok {
			out += "'" + s + "'"
		} else {
			out += fmt.Sprint(a)
		}
	}
	if len(e.Args) == 1 {
		out += ","
	}
	return out + ")"
}

// With task_store_eager_result an eager call leaves the result that Celery's leaves.
func TestStoreEagerResult(t *testing.T) {
	t.Parallel()
	theirs, ours := testenv.StartRedis(t).URL(0), testenv.StartRedis(t).URL(0)
	cmd := exec.Command(testenv.Python(t), "stored.py")
	cmd.Dir = "testdata"
	cmd.Env = append(suiteEnv(cmd, theirs), `SUITE_CONF={"task_always_eager": true, "task_store_eager_result": true}`)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []map[string]any
	unmarshal(t, out, &want)
	app := newApp(t, celery.Config{Name: "suite", Broker: ours, ResultBackend: ours, ResultExtended: true, TaskAlwaysEager: true, TaskStoreEagerResult: true})
	registerSuite(t, app, ours)
	var got []map[string]any
	c := dial(t, ours)
	for i, sig := range []*celery.Signature{app.Signature("suite.add", 1, 2), app.Signature("suite.fail", "no"), app.Signature("suite.ignored")} {
		res, err := sig.Delay(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		raw, err := redis.Bytes(c.Do("GET", "celery-task-meta-"+res.ID))
		if errors.Is(err, redis.ErrNil) {
			got = append(got, nil)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		unmarshal(t, raw, &m)
		if m["task_id"] != res.ID {
			t.Errorf("id %v, want %s", m["task_id"], res.ID)
		}
		m["task_id"] = fmt.Sprintf("<%d>", i+1)
		got = append(got, map[string]any{"status": m["status"], "result": m["result"], "task_id": m["task_id"], "children": m["children"]})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-Celery +ours):\n%s", diff)
	}
}
