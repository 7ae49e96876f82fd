package config

import (
	"math"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// arrayValue is a numpy.ndarray of one dimension: numbers, with arithmetic element by element.
type arrayValue []starlark.Value

func (v arrayValue) String() string {
	parts := make([]string, len(v))
	for i, e := range v {
		parts[i] = plain(e)
	}
	return "[" + strings.Join(parts, " ") + "]"
}
func (v arrayValue) Type() string          { return "ndarray" }
func (v arrayValue) Freeze()               {}
func (v arrayValue) Truth() starlark.Bool  { return len(v) > 0 && v[0].Truth() }
func (v arrayValue) Hash() (uint32, error) { return 0, raiseClass("TypeError", "an array has no hash") }
func (v arrayValue) Len() int              { return len(v) }

func (v arrayValue) Index(i int) starlark.Value { return v[i] }

func (v arrayValue) Iterate() starlark.Iterator { return starlark.Tuple(v).Iterate() }

func (v arrayValue) Slice(start, end, step int) starlark.Value {
	return arrayValue(starlark.Tuple(v).Slice(start, end, step).(starlark.Tuple))
}

func (v arrayValue) Binary(op syntax.Token, y starlark.Value, side starlark.Side) (starlark.Value, error) {
	if op == syntax.IN || op == syntax.NOT_IN {
		return nil, nil
	}
	other, many := y.(arrayValue)
	if _, number := starlark.AsFloat(y); !many && !number {
		return nil, nil
	}
	if many && len(other) != len(v) {
		return nil, raiseClass("ValueError", "arrays of %d and %d elements do not fit together", len(v), len(other))
	}
	out := make(arrayValue, len(v))
	for i, e := range v {
		a, b := e, y
		if many {
			b = other[i]
		}
		if side == starlark.Right {
			a, b = b, a
		}
		var err error
		if out[i], err = starlark.Binary(op, a, b); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// each applies a function to the elements.
func (v arrayValue) each(f func(starlark.Value) (starlark.Value, error)) (starlark.Value, error) {
	out := make(arrayValue, len(v))
	for i, e := range v {
		var err error
		if out[i], err = f(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (v arrayValue) Attr(name string) (starlark.Value, error) {
	switch name {
	case "size":
		return starlark.MakeInt(len(v)), nil
	case "shape":
		return starlark.Tuple{starlark.MakeInt(len(v))}, nil
	case "ndim":
		return starlark.MakeInt(1), nil
	case "tolist":
		return fn0(name, starlark.NewList(append([]starlark.Value{}, v...))), nil
	case "min", "max":
		return fn(name, func(t *starlark.Thread, _ *starlark.Builtin, _ starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			return starlark.Call(t, starlark.Universe[name], starlark.Tuple{v}, nil)
		}), nil
	case "sum":
		return fn(name, func(t *starlark.Thread, b *starlark.Builtin, _ starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			return sum(t, b, starlark.Tuple{v}, nil)
		}), nil
	case "astype", "copy":
		return nil, notRead("leave it out, or write the values themselves", "%s of an array is not read", name)
	}
	return nil, nil
}

func (v arrayValue) AttrNames() []string {
	return []string{"max", "min", "ndim", "shape", "size", "sum", "tolist"}
}

func numpyModule() *namespace {
	number := func(name string) starlark.Value {
		return fn1(name, func(v starlark.Value) (starlark.Value, error) {
			if strings.HasPrefix(name, "float") {
				f, ok := starlark.AsFloat(v)
				if !ok {
					return nil, raiseClass("TypeError", "%s wants a number, not a value of the kind %s", name, v.Type())
				}
				return starlark.Float(f), nil
			}
			return starlark.NumberToInt(v)
		})
	}
	d := starlark.StringDict{
		"array": fn("array", newArray), "asarray": fn("asarray", newArray), "arange": fn("arange", arange), "linspace": fn("linspace", linspace),
		"datetime64": fn("datetime64", timestamp), "timedelta64": fn("Timedelta", timedelta),
		"pi": starlark.Float(math.Pi), "inf": starlark.Float(math.Inf(1)),
		"sqrt": float1("sqrt", math.Sqrt), "log2": float1("log2", math.Log2), "log10": float1("log10", math.Log10), "log": float1("log", math.Log), "exp": float1("exp", math.Exp),
		"ceil": float1("ceil", math.Ceil), "floor": float1("floor", math.Floor),
	}
	for _, name := range []string{"int16", "int32", "int64", "float64"} {
		d[name] = number(name)
	}
	return &namespace{name: "numpy", members: d}
}

// newArray is numpy.array(list); dtype may only repeat what the elements are.
func newArray(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var items starlark.Iterable
	if len(kwargs) > 0 {
		return nil, notRead("leave "+plain(kwargs[0][0])+" out", "%s of numpy.%s is not read", plain(kwargs[0][0]), b.Name())
	}
	if err := starlark.UnpackPositionalArgs(b.Name(), args, nil, 1, &items); err != nil {
		return nil, err
	}
	var out arrayValue
	floats := false
	for e := range starlark.Elements(items) {
		if _, ok := starlark.AsFloat(e); !ok {
			return nil, notRead("write a list", "an array of values of the kind %s is not read", e.Type())
		}
		_, isFloat := e.(starlark.Float)
		floats = floats || isFloat
		if out = append(out, e); len(out) > maxRepeat {
			return nil, notRead("", "an array has more than %d elements", maxRepeat)
		}
	}
	if floats {
		for i, e := range out {
			f, _ := starlark.AsFloat(e)
			out[i] = starlark.Float(f)
		}
	}
	return out, nil
}

// arange is numpy.arange([start,] stop[, step]).
func arange(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	whole := len(kwargs) == 0
	for _, a := range args {
		_, ok := a.(starlark.Int)
		whole = whole && ok
	}
	if whole {
		v, err := boundedRange(t, b, args, nil)
		if err != nil {
			return nil, err
		}
		return newArray(t, b, starlark.Tuple{v}, nil)
	}
	var start, stop, step float64 = 0, 0, 1
	var f []float64
	for _, a := range args {
		x, ok := starlark.AsFloat(a)
		if !ok || len(kwargs) > 0 {
			return nil, notRead("write a list", "this form of arange is not read")
		}
		f = append(f, x)
	}
	switch len(f) {
	case 1:
		stop = f[0]
	case 2:
		start, stop = f[0], f[1]
	case 3:
		start, stop, step = f[0], f[1], f[2]
	default:
		return nil, raiseClass("TypeError", "arange takes one to three numbers")
	}
	n := math.Ceil((stop - start) / step)
	if math.IsNaN(n) || n > maxRepeat {
		return nil, notRead("", "an array has more than %d elements", maxRepeat)
	}
	out := arrayValue{}
	for i := range int(max(n, 0)) {
		out = append(out, starlark.Float(start+float64(i)*step))
	}
	return out, nil
}

// linspace is numpy.linspace(start, stop, num).
func linspace(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var start, stop starlark.Value
	n := 50
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "start", &start, "stop", &stop, "num?", &n); err != nil {
		return nil, err
	}
	from, ok1 := starlark.AsFloat(start)
	to, ok2 := starlark.AsFloat(stop)
	if !ok1 || !ok2 || n < 0 || n > maxRepeat {
		return nil, raiseClass("ValueError", "linspace wants two numbers and a count")
	}
	out := arrayValue{}
	for i := range n {
		x := from
		if n > 1 {
			x = from + float64(i)*((to-from)/float64(n-1))
		}
		if i == n-1 && n > 1 {
			x = to
		}
		out = append(out, starlark.Float(x))
	}
	return out, nil
}
