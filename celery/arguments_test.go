package celery_test

import (
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"healpipe/celery"
	"healpipe/celery/kombu"
	"healpipe/internal/testenv"
)

// call is a call of arguments.py and what the client got: the repr of a value or an exception.
type call [2]string

// region is a parameter with a form of its own.
type region struct {
	Name   string     `json:"name"`
	Box    [4]float64 `json:"box"`
	Parent *region    `json:"parent"`
}

// registerArguments registers the tasks of testdata/arguments.py, with types.
func registerArguments(app *celery.App) {
	reg := func(name string, fn any, params ...string) {
		app.MustRegister("args."+name, fn, celery.TaskOptions{Params: params})
	}
	reg("none", func() string { return "called" })
	reg("one", func(path string) []any { return []any{path} }, "path")
	reg("defaults", func(p struct {
		Path  string
		Level any     `celery:"level" default:"6"`
		Mode  string  `celery:"mode" default:"fast"`
		Parts []any   `celery:"parts" default:"[1, 2]"`
		More  *string `celery:"more" default:"None"`
		Force bool    `celery:"force" default:"False"`
	}) []any {
		return []any{p.Path, p.Level, p.Mode, p.Parts, p.More, p.Force}
	})
	reg("three", func(a, b int, c int64) []int64 { return []int64{int64(a), int64(b), c} }, "a", "b", "c")
	reg("keywords", func(path string, level int8, force bool) []any { return []any{path, level, force} }, "path", "*", "level=6", "force")
	reg("two_keywords", func(p struct {
		Left  uint16  `celery:"left,keyword"`
		Right float64 `celery:"right,keyword"`
	}) []any {
		return []any{p.Left, int(p.Right)}
	})
	reg("rest", func(first any, more ...int) []any { return []any{first, more} }, "first", "*more")
	reg("rest_and_keywords", func(p struct {
		First   int            `celery:"first"`
		More    []int          `celery:"*more"`
		Level   int            `celery:"level" default:"6"`
		Options map[string]any `celery:"**options"`
	}) []any {
		return []any{p.First, p.More, p.Level, p.Options}
	})
	reg("options", func(first, second int, options map[string]any) []any { return []any{first, second, options} }, "first", "second=2", "**options")
	reg("record", func(r region) []any { return []any{r.Name, r.Box, r.Parent} }, "region")
	reg("lists", func(names []string, grid [][]int, table map[string]float64) []any { return []any{names, grid, table} }, "names", "grid", "table")
	reg("values", func(when time.Time, day kombu.Date, clock kombu.TimeOfDay, price kombu.Decimal, key uuid.UUID, raw []byte, size *big.Int) []any {
		return []any{when, day, clock, price, key, raw, size}
	}, "when", "day", "clock", "price", "key", "raw", "size")
	reg("echo", func(v any) any { return v }, "value")
	reg("text", func(v string) string { return v }, "value")
	reg("number", func(v int) int { return v }, "value")
	reg("date", func(v time.Time) time.Time { return v }, "value")
}

// Functions with types, structs, defaults, variadic and keyword parameters take the calls that Python's take, with the same
// values, and refuse the others in the same words.
func TestArgumentsAsPython(t *testing.T) {
	t.Parallel()
	theirs, ours := testenv.StartRedis(t).URL(0), testenv.StartRedis(t).URL(0)
	var want, got []call
	done := make(chan struct{})
	go func() {
		defer close(done)
		pythonWorker(t, theirs, "--include", "arguments")
		unmarshal(t, python(t, theirs, "arguments.py"), &want)
	}()
	app := newApp(t, celery.Config{Name: "suite", Broker: ours, ResultBackend: ours})
	registerArguments(app)
	runWorker(t, app, celery.WorkerOptions{Concurrency: 4})
	unmarshal(t, python(t, ours, "arguments.py"), &got)
	<-done
	if len(want) < 50 {
		t.Fatalf("%d calls", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-Python +Go):\n%s", diff)
	}

	// Of types Python knows nothing.
	var calls []string
	var misfits []call
	for _, c := range []struct{ name, args, want string }{
		{"three", `(1, "2", 3)`, `TypeError("three() argument 'b' must be int, not str")`},
		{"three", `(1, 2.5, 3)`, `TypeError("three() argument 'b' must be int, not float")`},
		{"three", `(1, None, 3)`, `TypeError("three() argument 'b' must be int, not NoneType")`},
		{"three", `(1, 2, 2**63)`, `TypeError("three() argument 'c' must fit int64, got 9223372036854775808")`},
		{"keywords", `("f",)`, `TypeError("keywords() missing 1 required keyword-only argument: 'force'")`},
		{"one", `(datetime(2024, 1, 2),)`, `['2024-01-02T00:00:00']`},
		{"one", `(5,)`, `TypeError("one() argument 'path' must be str, not int")`},
		{"one", `(b"\xff",)`, `TypeError("one() argument 'path' must be str, not bytes")`},
		{"one", `({"a": 1},)`, `TypeError("one() argument 'path' must be str, not dict")`},
		{"rest", `(1, 2, "3")`, `TypeError('rest() argument 3 must be int, not str')`},
		{"record", `({"name": "a", "box": [1, 2, 3]},)`, `TypeError("record() argument 'region' entry 'box' must be a list of 4 items, not 3")`},
		{"record", `({"name": 1},)`, `TypeError("record() argument 'region' entry 'name' must be str, not int")`},
		{"record", `(["a"],)`, `TypeError("record() argument 'region' must be dict, not list")`},
		{"lists", `(["a", 1], [], {})`, `TypeError("lists() argument 'names' item 1 must be str, not int")`},
		{"lists", `([], [[1], ["x"]], {})`, `TypeError("lists() argument 'grid' item 1 item 0 must be int, not str")`},
		{"lists", `([], [], {"k": "v"})`, `TypeError("lists() argument 'table' entry 'k' must be float, not str")`},
		{"text", `(Decimal("1.10"),)`, `'1.10'`},
		{"text", `(date(2024, 1, 2),)`, `'2024-01-02'`},
		{"text", `(UUID(int=7),)`, `'00000000-0000-0000-0000-000000000007'`},
		{"number", `(Decimal("1"),)`, `TypeError("number() argument 'value' must be int, not Decimal")`},
		{"number", `(datetime(2024, 1, 2),)`, `TypeError("number() argument 'value' must be int, not datetime")`},
		{"number", `(date(2024, 1, 2),)`, `TypeError("number() argument 'value' must be int, not date")`},
		{"number", `(time(1, 2),)`, `TypeError("number() argument 'value' must be int, not time")`},
		{"number", `(UUID(int=7),)`, `TypeError("number() argument 'value' must be int, not UUID")`},
		{"number", `(True,)`, `TypeError("number() argument 'value' must be int, not bool")`},
		{"number", `(3.0,)`, `3`},
		{"date", `(datetime(2024, 1, 2),)`, `datetime.datetime(2024, 1, 2, 0, 0, tzinfo=datetime.timezone.utc)`},
		{"date", `(date(2024, 1, 2),)`, `datetime.datetime(2024, 1, 2, 0, 0, tzinfo=datetime.timezone.utc)`},
		{"date", `("2024-01-02T03:04:05+01:00",)`, `datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone(datetime.timedelta(seconds=3600)))`},
		{"date", `("tomorrow",)`, `TypeError("date() argument 'value' must be an ISO 8601 date, not 'tomorrow'")`},
		{"date", `(5,)`, `TypeError("date() argument 'value' must be datetime, not int")`},
	} {
		raw, err := json.Marshal([]string{c.name, c.args})
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, string(raw))
		misfits = append(misfits, call{c.name + c.args, c.want})
	}
	got = nil
	unmarshal(t, python(t, ours, "arguments.py", calls...), &got)
	for i := range got {
		got[i][0] = misfits[i][0]
	}
	if diff := cmp.Diff(misfits, got); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
}
