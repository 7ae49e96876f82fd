package config

import (
	"math"
	"math/big"
	"strconv"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// builtinFunc is the common form of what the interpreter offers.
type builtinFunc = func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error)

// predeclared are the names that the file sees: Python's built-ins that Starlark lacks or does not bound,
// and those that the rewriter writes.
func (in *interpreter) predeclared() starlark.StringDict {
	d := exceptionClasses()
	for name, fn := range map[string]builtinFunc{
		"__mul__": mul, "__add__": add, "__mod__": mod, "__pow__": pow, "pow": pow, "__method__": method,
		"__fmt__": formatField, "__fstr__": joinFields, "format": formatBuiltin,
		"__try__": in.enter, "__go__": in.proceed, "__caught__": in.caught, "__fine__": in.fine, "__exception__": in.exception,
		"__assert__": assert, "__raise__": raiseStatement, "__note__": in.note,
		"__spoilt__": spoilt, "__import__": in.importModule, "__star__": in.importAll, "__from__": in.importName,
		"range": boundedRange, "sum": sum, "round": round, "isinstance": isinstance, "print": ignore, "open": open, "str": strBuiltin, "repr": reprBuiltin, "map": mapBuiltin, "filter": filterBuiltin,
		"__set__": setOf, "__splice__": splice, "__merge__": merge,
	} {
		d[name] = starlark.NewBuiltin(name, fn)
	}
	for name, v := range moreBuiltins() {
		d[name] = v
	}
	d["__name__"] = starlark.String("config")
	d["__file__"] = starlark.String(in.src.path)
	return d
}

func ignore(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	return starlark.None, nil
}

func open(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	return nil, notRead("write the values themselves", "other files are not read")
}

func spoilt(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	return &spoiltValue{number: smallInt(args[0])}, nil
}

// note is __note__(name, place, value).
func (in *interpreter) note(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	in.notes[string(args[0].(starlark.String))] = noted{pos: smallInt(args[1])}
	return args[2], nil
}

// enter is __try__(id): another execution of the try statement begins.
func (in *interpreter) enter(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	in.sequence++
	in.latest[smallInt(args[0])] = in.sequence
	return starlark.True, nil
}

// proceed is __go__(id, i): whether statement i of the body is reached in this execution.
func (in *interpreter) proceed(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	r, failed := in.raised[in.latest[smallInt(args[0])]]
	return starlark.Bool(!failed || smallInt(args[1]) < r.index), nil
}

// caught is __caught__(id, clause): whether this handler takes the exception of this execution.
func (in *interpreter) caught(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	r, failed := in.raised[in.latest[smallInt(args[0])]]
	return starlark.Bool(failed && smallInt(args[1]) == r.handler), nil
}

// fine is __fine__(id): whether the body came to its end.
func (in *interpreter) fine(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	_, failed := in.raised[in.latest[smallInt(args[0])]]
	return starlark.Bool(!failed), nil
}

func (in *interpreter) exception(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	return exceptionValue{in.raised[in.latest[smallInt(args[0])]].exc}, nil
}

func assert(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 0 || args[0].Truth() {
		return starlark.None, nil
	}
	msg := "the assertion does not hold"
	if len(args) > 1 {
		msg = plain(args[1])
	}
	return nil, raiseClass("AssertionError", "%s", msg)
}

func raiseStatement(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 1 {
		switch v := args[0].(type) {
		case exceptionValue:
			return nil, v.exc
		case *starlark.Builtin:
			return nil, raiseClass(v.Name(), "raised here")
		}
	}
	return nil, raiseClass("Exception", "raised here")
}

// mul is x * y with repetitions bounded.
func mul(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	x, y := args[0], args[1]
	for _, pair := range [][2]starlark.Value{{x, y}, {y, x}} {
		size := int64(-1)
		switch s := pair[0].(type) {
		case starlark.String:
			size = int64(len(s))
		case starlark.Bytes:
			size = int64(len(s))
		case *starlark.List:
			size = int64(s.Len())
		case starlark.Tuple:
			size = int64(s.Len())
		case starlark.Int:
			if b, ok := pair[1].(starlark.Int); ok && s.BigInt().BitLen()+b.BigInt().BitLen() > 1<<16 {
				return nil, raiseClass("OverflowError", "the number gets too large")
			}
		}
		if n, ok := pair[1].(starlark.Int); ok && size >= 0 {
			if times, small := n.Int64(); !small || times > 0 && size*min(times, maxRepeat+1) > maxRepeat {
				return nil, notRead("", "a repetition makes more than %d elements", maxRepeat)
			}
		}
	}
	return starlark.Binary(syntax.STAR, x, y)
}

// add is x + y with lengths bounded.
func add(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if max(starlark.Len(args[0]), starlark.Len(args[1])) > maxRepeat {
		return nil, notRead("", "a sum makes more than %d elements", maxRepeat)
	}
	return starlark.Binary(syntax.PLUS, countable(args[0]), countable(args[1]))
}

// countable makes a truth value the number that Python counts it as.
func countable(v starlark.Value) starlark.Value {
	switch v {
	case starlark.True:
		return starlark.MakeInt(1)
	case starlark.False:
		return starlark.MakeInt(0)
	}
	return v
}

func boundedRange(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	v, err := starlark.Call(t, starlark.Universe["range"], args, kwargs)
	if err != nil {
		return nil, err
	}
	if n := starlark.Len(v); n > maxRepeat {
		return nil, notRead("", "a range has %d elements, more than %d", n, maxRepeat)
	}
	return v, nil
}

// pow is x ** y for whole and floating-point numbers.
func pow(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var x, y starlark.Value
	if err := starlark.UnpackPositionalArgs("**", args, kwargs, 2, &x, &y); err != nil {
		return nil, err
	}
	if bases, ok := x.(arrayValue); ok {
		return bases.each(func(e starlark.Value) (starlark.Value, error) { return pow(nil, b, starlark.Tuple{e, y}, nil) })
	}
	if exponents, ok := y.(arrayValue); ok {
		return exponents.each(func(e starlark.Value) (starlark.Value, error) { return pow(nil, b, starlark.Tuple{x, e}, nil) })
	}
	xi, ok1 := x.(starlark.Int)
	yi, ok2 := y.(starlark.Int)
	if ok1 && ok2 && yi.Sign() >= 0 {
		n, small := yi.Int64()
		if bits := xi.BigInt().BitLen(); bits > 1 && (!small || n*int64(bits) > 1<<16 || n > 1<<16) {
			return nil, raiseClass("OverflowError", "the number gets too large")
		}
		return starlark.MakeBigInt(new(big.Int).Exp(xi.BigInt(), yi.BigInt(), nil)), nil
	}
	xf, ok1 := starlark.AsFloat(x)
	yf, ok2 := starlark.AsFloat(y)
	if !ok1 || !ok2 {
		return nil, raiseClass("TypeError", "** wants numbers, not %s and %s", x.Type(), y.Type())
	}
	return starlark.Float(math.Pow(xf, yf)), nil
}

func sum(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var items starlark.Iterable
	var total starlark.Value = starlark.MakeInt(0)
	if err := starlark.UnpackArgs("sum", args, kwargs, "iterable", &items, "start?", &total); err != nil {
		return nil, err
	}
	it := items.Iterate()
	defer it.Done()
	var v starlark.Value
	for it.Next(&v) {
		var err error
		if total, err = starlark.Binary(syntax.PLUS, total, countable(v)); err != nil {
			return nil, err
		}
	}
	return total, nil
}

// round rounds half to even, as Python does.
func round(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var x starlark.Value
	var digits starlark.Value = starlark.None
	if err := starlark.UnpackArgs("round", args, kwargs, "number", &x, "ndigits?", &digits); err != nil {
		return nil, err
	}
	if i, ok := x.(starlark.Int); ok {
		return i, nil
	}
	f, ok := starlark.AsFloat(x)
	if !ok {
		return nil, raiseClass("TypeError", "round wants a number, not %s", x.Type())
	}
	if digits == starlark.None {
		i, err := starlark.NumberToInt(starlark.Float(math.RoundToEven(f)))
		return i, err
	}
	if n := smallInt(digits); n >= 0 && n <= 300 { // of the decimal digits, which the number itself is not
		rounded, err := strconv.ParseFloat(strconv.FormatFloat(f, 'f', n, 64), 64)
		return starlark.Float(rounded), err
	}
	scale := math.Pow(10, float64(smallInt(digits)))
	return starlark.Float(math.RoundToEven(f*scale) / scale), nil
}

// isinstance knows the types that a settings file asks for.
func isinstance(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v, class starlark.Value
	if err := starlark.UnpackPositionalArgs("isinstance", args, kwargs, 2, &v, &class); err != nil {
		return nil, err
	}
	classes, ok := class.(starlark.Tuple)
	if !ok {
		classes = starlark.Tuple{class}
	}
	names := map[string]string{"string": "str", "path": "Path"}
	have := orWord(names[v.Type()], v.Type())
	for _, c := range classes {
		if b, ok := c.(starlark.Callable); ok && (b.Name() == have || b.Name() == "int" && have == "bool") {
			return starlark.True, nil
		}
	}
	return starlark.False, nil
}

// attribute is x.name.
func attribute(x starlark.Value, name string) (starlark.Value, error) {
	if has, ok := x.(starlark.HasAttrs); ok {
		v, err := has.Attr(name)
		if err != nil {
			return nil, err
		}
		if v != nil {
			return v, nil
		}
	}
	return nil, raiseClass("AttributeError", "%s has no attribute %s", x.Type(), name)
}

func smallInt(v starlark.Value) int {
	n, err := starlark.AsInt32(v)
	if err != nil {
		return 0
	}
	return n
}

// plain is str(v).
func plain(v starlark.Value) string {
	if s, ok := starlark.AsString(v); ok {
		return s
	}
	return pyRepr(v)
}

func strBuiltin(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v starlark.Value = starlark.String("")
	if err := starlark.UnpackPositionalArgs("str", args, kwargs, 0, &v); err != nil {
		return nil, err
	}
	s, err := formatValue(v, "", "")
	return starlark.String(s), err
}

func reprBuiltin(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v starlark.Value
	if err := starlark.UnpackPositionalArgs("repr", args, kwargs, 1, &v); err != nil {
		return nil, err
	}
	return starlark.String(pyRepr(v)), nil
}

// setOf is __set__(list).
func setOf(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	out := starlark.NewSet(0)
	for e := range starlark.Elements(args[0].(starlark.Iterable)) {
		if err := out.Insert(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// splice is __splice__((starred, value), ...).
func splice(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	var out []starlark.Value
	for _, a := range args {
		pair := a.(starlark.Tuple)
		if pair[0] == starlark.False {
			out = append(out, pair[1])
			continue
		}
		many, ok := each(pair[1]).(starlark.Iterable)
		if !ok {
			return nil, raiseClass("TypeError", "* wants a list, not a value of the kind %s", pair[1].Type())
		}
		for e := range starlark.Elements(many) {
			if out = append(out, e); len(out) > maxRepeat {
				return nil, notRead("", "a list has more than %d elements", maxRepeat)
			}
		}
	}
	return starlark.NewList(out), nil
}

// merge is __merge__(dict, ...).
func merge(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	out := starlark.NewDict(0)
	for _, a := range args {
		d, ok := a.(starlark.IterableMapping)
		if !ok {
			return nil, raiseClass("TypeError", "** wants a dictionary, not a value of the kind %s", a.Type())
		}
		for _, item := range d.Items() {
			if err := out.SetKey(item[0], item[1]); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// mapBuiltin and filterBuiltin return lists in place of iterators.
func mapBuiltin(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return eachOf(t, "map", args, kwargs, func(_, result starlark.Value) starlark.Value { return result })
}

func filterBuiltin(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	return eachOf(t, "filter", args, kwargs, func(e, result starlark.Value) starlark.Value {
		if !result.Truth() {
			return nil
		}
		return e
	})
}

func eachOf(t *starlark.Thread, name string, args starlark.Tuple, kwargs []starlark.Tuple, keep func(e, result starlark.Value) starlark.Value) (starlark.Value, error) {
	var f starlark.Value
	var items starlark.Iterable
	if len(args) == 2 {
		args = starlark.Tuple{args[0], each(args[1])}
	}
	if err := starlark.UnpackPositionalArgs(name, args, kwargs, 2, &f, &items); err != nil {
		return nil, err
	}
	var out []starlark.Value
	for e := range starlark.Elements(items) {
		result := e
		if f != starlark.None {
			var err error
			if result, err = starlark.Call(t, f, starlark.Tuple{e}, nil); err != nil {
				return nil, err
			}
		}
		if v := keep(e, result); v != nil {
			out = append(out, v)
		}
	}
	return starlark.NewList(out), nil
}
