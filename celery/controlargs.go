package celery

import (
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"healpipe/celery/internal/pyrepr"
)

// requiredArgs are the arguments without which Celery's handler of a command cannot be called.
var requiredArgs = map[string][]string{
	"revoke":                    {"task_id"},
	"revoke_by_stamped_headers": {"headers"},
	"terminate":                 {"signal", "task_id"},
	"rate_limit":                {"task_name", "rate_limit"},
	"election":                  {"id", "topic"},
	"hello":                     {"from_node"},
	"query_task":                {"ids"},
	"add_consumer":              {"queue"},
	"cancel_consumer":           {"queue"},
}

// closedArgs are the commands whose handler in Celery takes these arguments and no others; the other handlers ignore what
// they do not know.
var closedArgs = map[string][]string{
	"report":         nil,
	"enable_events":  nil,
	"disable_events": nil,
	"heartbeat":      nil,
	"active_queues":  nil,
	"autoscale":      {"max", "min"},
	"objgraph":       {"num", "max_depth", "type"},
}

// checkArgs is the TypeError that Python raises for a command with arguments that it does not take or without those that it
// needs: a rate limit that is not given must not be taken for one to lift.
func checkArgs(method string, args map[string]any) error {
	if known, closed := closedArgs[method]; closed {
		for _, name := range slices.Sorted(maps.Keys(args)) {
			if !slices.Contains(known, name) {
				return Errorf("TypeError", "%s() got an unexpected keyword argument '%s'", method, name)
			}
		}
	}
	var missing []string
	for _, name := range requiredArgs[method] {
		if _, has := args[name]; !has {
			missing = append(missing, "'"+name+"'")
		}
	}
	if missing == nil {
		return nil
	}
	noun := "argument"
	if len(missing) > 1 {
		noun += "s"
	}
	return Errorf("TypeError", "%s() missing %d required positional %s: %s", method, len(missing), noun, strings.Join(missing, " and "))
}

// hashable refuses what Python cannot look up in a dictionary or a set.
func hashable(values ...any) error {
	for _, v := range values {
		if name := pyType(v); name == "list" || name == "dict" {
			return Errorf("TypeError", "unhashable type: '%s'", name)
		}
	}
	return nil
}

// falsy tells the values that Python takes for false.
func falsy(v any) bool {
	switch x := v.(type) {
	case nil:
		return true
	case bool:
		return !x
	case string:
		return x == ""
	case []any:
		return len(x) == 0
	}
	if m, is := asMap(v); is {
		return len(m) == 0
	}
	f, is := toFloat(v)
	return is && f == 0
}

// pyStr is str() of a value.
func pyStr(v any) string {
	if s, is := v.(string); is {
		return s
	}
	return pyrepr.Repr(v)
}

// pyInt reads an integer as Python's range() does: no float, however whole; True is 1.
func pyInt(v any) (int, error) {
	switch x := v.(type) {
	case bool:
		if x {
			return 1, nil
		}
		return 0, nil
	case int, int32, int64, uint64:
		n, _ := toInt(x)
		return int(n), nil
	case *big.Int:
		return x.Sign() * math.MaxInt, nil
	}
	return 0, Errorf("TypeError", "'%s' object cannot be interpreted as an integer", pyType(v))
}

// signum reads a signal by number or by its name in capitals, with or without SIG; none is TERM.
func signum(v any) (int, error) {
	if falsy(v) {
		return int(syscall.SIGTERM), nil
	}
	if n, err := pyInt(v); err == nil {
		return n, nil
	}
	name, _ := v.(string)
	if name != strings.ToUpper(name) || name == strings.ToLower(name) {
		return 0, Errorf("TypeError", "signal name must be uppercase string.")
	}
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if n := unix.SignalNum(name); n != 0 {
		return int(n), nil
	}
	return 0, Errorf("AttributeError", "module 'signal' has no attribute '%s'", name)
}

// stampHeaders reads the headers to revoke: an object, or a list of "key=value".
func stampHeaders(v any) (map[string]any, error) {
	noAttribute := func(v any, name string) error {
		return Errorf("AttributeError", "'%s' object has no attribute '%s'", pyType(v), name)
	}
	headers, is := asMap(v)
	if list, isList := v.([]any); isList {
		headers, is = map[string]any{}, true
		for _, e := range list {
			s, isText := e.(string)
			if !isText {
				return nil, noAttribute(e, "split")
			}
			key, value, found := strings.Cut(s, "=")
			if !found {
				return nil, &Error{Class: "IndexError", Module: "builtins", Args: []any{"list index out of range"}}
			}
			headers[key] = value
		}
	}
	if !is {
		return nil, noAttribute(v, "items")
	}
	for _, stamps := range headers {
		if stamps == nil {
			return nil, errNoneIterated()
		}
	}
	return headers, nil
}

// iterable tells what Python can loop over.
func iterable(v any) bool { return slices.Contains([]string{"list", "dict", "str"}, pyType(v)) }

func errNoneIterated() error { return Errorf("TypeError", "'NoneType' object is not iterable") }

// taskIDs are the ids of a revoke in alphabetical order, once each, and the first value that is none.
func taskIDs(v any) (ids []string, other error, err error) {
	values := maybeList(v)
	if err := hashable(values...); err != nil {
		return nil, nil, err
	}
	for i, v := range values {
		if id, is := v.(string); is {
			ids = append(ids, id)
		} else if other == nil {
			other = Errorf("TypeError", "sequence item %d: expected str instance, %s found", i, pyType(v))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), other, nil
}

// rateArg is a rate limit given to a worker at work as the text that it keeps.
func rateArg(v any) (string, error) {
	switch v.(type) {
	case string:
	case bool:
		if !falsy(v) {
			v = "1"
		}
	default:
		if _, is := toFloat(v); !is && !falsy(v) {
			return "", Errorf("TypeError", "float() argument must be a string or a real number, not '%s'", pyType(v))
		}
	}
	if falsy(v) {
		// of the numbers that mean none, registered shows 0
		if _, is := toFloat(v); is {
			return pyrepr.Repr(v), nil
		}
		return "", nil
	}
	return pyStr(v), nil
}

// shrinkArg is by how many slots a pool is to shrink.
func shrinkArg(v any) (int, error) {
	if n, err := pyInt(v); err == nil {
		return n, nil
	}
	f, is := toFloat(v)
	if !is {
		return 0, Errorf("TypeError", "unsupported operand type(s) for -: '%s' and 'int'", pyType(v))
	}
	return int(math.Ceil(min(max(f, 0), math.MaxInt32))), nil
}
