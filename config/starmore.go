package config

import (
	"math"
	"math/big"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// Built-ins and methods that Starlark lacks, or has for fewer kinds of values than Python.

// moreBuiltins are further names that the file sees.
func moreBuiltins() starlark.StringDict {
	d := starlark.StringDict{
		"divmod": fn("divmod", divmod), "next": fn("next", first), "iter": fn1("iter", func(v starlark.Value) (starlark.Value, error) { return each(v), nil }),
		"hex": inBase("hex", "0x", 16), "oct": inBase("oct", "0o", 8), "bin": inBase("bin", "0b", 2),
		"__known__":  fn1("__known__", known),
		"__each__":   fn1("__each__", func(v starlark.Value) (starlark.Value, error) { return each(v), nil }),
		"__unpack__": fn("__unpack__", unpackStarred), "__delete__": fn("__delete__", deleteItem), "__class__": fn("__class__", newClass),
		"dict": class("dict", func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			return starlark.Call(t, starlark.Universe["dict"], args, kwargs)
		}, starlark.StringDict{"fromkeys": fn("fromkeys", fromKeys)}),
	}
	// Texts are sequences of characters for these.
	for _, name := range []string{"list", "tuple", "set", "sorted", "zip", "enumerate", "reversed", "min", "max", "any", "all"} {
		d[name] = fn(name, func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			if len(args) == 1 || name == "zip" || name == "enumerate" {
				args = append(starlark.Tuple{}, args...)
				for i, a := range args {
					args[i] = each(a)
				}
			}
			return starlark.Call(t, starlark.Universe[name], args, kwargs)
		})
	}
	return d
}

// known refuses values that could not be read, and parts of modules that are not known.
func known(v starlark.Value) (starlark.Value, error) {
	switch v := v.(type) {
	case *spoiltValue:
		return nil, &exception{class: unread, message: "a value that could not be read is used", spoilt: v}
	case *foreign:
		if strings.Contains(v.name, ".") {
			return nil, v.fault()
		}
	case *namespace:
		if v.lenient && v.members == nil && strings.Contains(v.name, ".") {
			return nil, notRead("write the value itself", "%s is not known here", v.name)
		}
	}
	return v, nil
}

// each gives what a loop runs over: of a text its characters, of anything else itself.
func each(v starlark.Value) starlark.Value {
	s, ok := v.(starlark.String)
	if !ok {
		return v
	}
	var out []starlark.Value
	for _, r := range string(s) {
		out = append(out, starlark.String(string(r)))
	}
	return starlark.NewList(out)
}

func divmod(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var x, y starlark.Int
	if err := starlark.UnpackPositionalArgs("divmod", args, kwargs, 2, &x, &y); err != nil {
		return nil, err
	}
	if y.Sign() == 0 {
		return nil, raiseClass("ZeroDivisionError", "division by zero")
	}
	return starlark.Tuple{x.Div(y), x.Mod(y)}, nil
}

// first is next(iterator[, default]), of an iterator of which nothing was taken yet.
func first(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var items starlark.Iterable
	var otherwise starlark.Value
	if err := starlark.UnpackPositionalArgs("next", args, kwargs, 1, &items, &otherwise); err != nil {
		return nil, err
	}
	for v := range starlark.Elements(items) {
		return v, nil
	}
	if otherwise == nil {
		return nil, raiseClass("StopIteration", "there is no next element")
	}
	return otherwise, nil
}

func inBase(name, prefix string, base int) *starlark.Builtin {
	return fn1(name, func(v starlark.Value) (starlark.Value, error) {
		n, ok := v.(starlark.Int)
		if !ok {
			return nil, raiseClass("TypeError", "%s wants a whole number, not a value of the kind %s", name, v.Type())
		}
		sign := ""
		if n.Sign() < 0 {
			sign = "-"
		}
		return starlark.String(sign + prefix + new(big.Int).Abs(n.BigInt()).Text(base)), nil
	})
}

func fromKeys(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var keys, value starlark.Value = nil, starlark.None
	if err := starlark.UnpackPositionalArgs("fromkeys", args, kwargs, 1, &keys, &value); err != nil {
		return nil, err
	}
	items, ok := each(keys).(starlark.Iterable)
	if !ok {
		return nil, raiseClass("TypeError", "fromkeys wants a list, not a value of the kind %s", keys.Type())
	}
	d := starlark.NewDict(0)
	for k := range starlark.Elements(items) {
		if err := d.SetKey(k, value); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// unpackStarred is __unpack__(value, before, after), for a, *b, c = value.
func unpackStarred(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	items, ok := each(args[0]).(starlark.Iterable)
	if !ok {
		return nil, raiseClass("TypeError", "a value of the kind %s cannot be unpacked", args[0].Type())
	}
	var all []starlark.Value
	for v := range starlark.Elements(items) {
		all = append(all, v)
	}
	before, after := smallInt(args[1]), smallInt(args[2])
	if len(all) < before+after {
		return nil, raiseClass("ValueError", "%d values are too few to unpack", len(all))
	}
	out := append(starlark.Tuple{}, all[:before]...)
	out = append(out, starlark.NewList(append([]starlark.Value{}, all[before:len(all)-after]...)))
	return append(out, all[len(all)-after:]...), nil
}

// deleteItem is del x[key].
func deleteItem(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	switch x := args[0].(type) {
	case *environValue:
		return starlark.None, x.remove(plain(args[1]))
	case *starlark.Dict:
		_, found, err := x.Delete(args[1])
		if err == nil && !found {
			err = raiseClass("KeyError", "%s", pyRepr(args[1]))
		}
		return starlark.None, err
	case *starlark.List:
		if _, ok := args[1].(starlark.Int); !ok {
			return nil, raiseClass("TypeError", "a list has whole numbers as indices, not values of the kind %s", args[1].Type())
		}
		i, n := smallInt(args[1]), x.Len()
		if i < 0 {
			i += n
		}
		if i < 0 || i >= n {
			return nil, raiseClass("IndexError", "the list index is out of range")
		}
		var kept []starlark.Value
		for j := range n {
			if j != i {
				kept = append(kept, x.Index(j))
			}
		}
		return starlark.None, refill(x, kept)
	}
	return nil, notRead("", "del of a part of a value of the kind %s is not read", args[0].Type())
}

func refill(x *starlark.List, with []starlark.Value) error {
	if err := x.Clear(); err != nil {
		return err
	}
	for _, v := range with {
		if err := x.Append(v); err != nil {
			return err
		}
	}
	return nil
}

// newClass is __class__(name, ...): a class whose body only sets names. Called, it gives an object with the same
// names, some of them changed as a dataclass takes them.
func newClass(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	name := plain(args[0])
	members := starlark.StringDict{}
	var order []string
	for _, kw := range kwargs {
		members[plain(kw[0])] = kw[1]
		order = append(order, plain(kw[0]))
	}
	c := class(name, nil, members)
	c.call = func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		object := &namespace{name: name, members: starlark.StringDict{}}
		for k, v := range members {
			object.members[k] = v
		}
		if len(args) > len(order) {
			return nil, raiseClass("TypeError", "%s takes at most %d arguments", name, len(order))
		}
		for i, a := range args {
			object.members[order[i]] = a
		}
		for _, kw := range kwargs {
			if _, ok := members[plain(kw[0])]; !ok {
				return nil, raiseClass("TypeError", "%s does not take %s", name, plain(kw[0]))
			}
			object.members[plain(kw[0])] = kw[1]
		}
		return object, nil
	}
	return c, nil
}

// ownMethods are those of texts, lists, dictionaries and numbers that the interpreter answers itself.
var ownMethods = map[string]bool{
	"format": true, "zfill": true, "ljust": true, "rjust": true, "center": true, "join": true, "swapcase": true, "casefold": true, "expandtabs": true, "encode": true,
	"sort": true, "reverse": true, "count": true, "copy": true, "is_integer": true, "isdecimal": true, "isnumeric": true, "translate": true,
	"split": true, "rsplit": true, "extend": true,
}

// method is __method__(name, x, ...).
func method(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	name, x, rest := string(args[0].(starlark.String)), args[1], args[2:]
	switch x := x.(type) {
	case starlark.String:
		if v, err, ok := textMethod(t, name, string(x), rest, kwargs); ok {
			return v, err
		}
	case *starlark.List:
		if v, err, ok := listMethod(t, name, x, rest, kwargs); ok {
			return v, err
		}
	case *starlark.Dict:
		if name == "copy" {
			return starlark.Call(t, starlark.Universe["dict"], starlark.Tuple{x}, nil)
		}
	case starlark.Float:
		if name == "is_integer" {
			return starlark.Bool(float64(x) == math.Trunc(float64(x)) && !math.IsInf(float64(x), 0)), nil
		}
	}
	f, err := attribute(x, name)
	if err != nil {
		return nil, err
	}
	return starlark.Call(t, f, rest, kwargs)
}

// textMethod answers a method of a text; ok is false where Starlark's own does.
func textMethod(t *starlark.Thread, name, s string, args starlark.Tuple, kwargs []starlark.Tuple) (v starlark.Value, err error, ok bool) {
	switch name {
	case "format":
		v, err = formatText(s, args, kwargs)
	case "ljust", "rjust", "center", "zfill":
		var width int
		fill := " "
		if err = starlark.UnpackPositionalArgs(name, args, kwargs, 1, &width, &fill); err != nil {
			break
		}
		align := map[string]string{"ljust": "<", "rjust": ">", "center": "^", "zfill": ">"}[name]
		if name == "zfill" {
			fill = "0"
			if strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
				align = "="
			}
		}
		var out string
		if n := width - len([]rune(s)); name == "center" && n > 0 && n%2 == 1 && width%2 == 1 {
			s, err = pad(s, fill, ">", len([]rune(s))+1) // Python gives the odd one to the left if the width is odd
		}
		if err == nil {
			out, err = pad(s, fill, align, width)
		}
		v = starlark.String(out)
	case "join":
		if len(args) == 1 {
			args = starlark.Tuple{each(args[0])}
		}
		v, err = callOwn(t, starlark.String(s), name, args, kwargs)
	case "split", "rsplit":
		// Starlark takes no names here.
		var sep, most starlark.Value = starlark.None, starlark.MakeInt(-1)
		if err = starlark.UnpackArgs(name, args, kwargs, "sep?", &sep, "maxsplit?", &most); err == nil {
			v, err = callOwn(t, starlark.String(s), name, starlark.Tuple{sep, most}, nil)
		}
	case "swapcase":
		v = starlark.String(strings.Map(func(r rune) rune {
			if u := []rune(strings.ToUpper(string(r))); len(u) == 1 && u[0] != r {
				return u[0]
			}
			if l := []rune(strings.ToLower(string(r))); len(l) == 1 {
				return l[0]
			}
			return r
		}, s))
	case "casefold":
		v = starlark.String(strings.ReplaceAll(strings.ToLower(s), "ß", "ss"))
	case "isdecimal", "isnumeric":
		v, err = callOwn(t, starlark.String(s), "isdigit", args, kwargs)
	case "encode":
		v = starlark.Bytes(s)
	case "expandtabs", "translate":
		err = notRead("write the text itself", "%s is not read", name)
	default:
		return nil, nil, false
	}
	return v, err, true
}

func callOwn(t *starlark.Thread, x starlark.HasAttrs, name string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	f, err := x.Attr(name)
	if err != nil {
		return nil, err
	}
	return starlark.Call(t, f, args, kwargs)
}

func listMethod(t *starlark.Thread, name string, x *starlark.List, args starlark.Tuple, kwargs []starlark.Tuple) (v starlark.Value, err error, ok bool) {
	all := make([]starlark.Value, x.Len())
	for i := range all {
		all[i] = x.Index(i)
	}
	switch name {
	case "copy":
		return starlark.NewList(all), nil, true
	case "count":
		if len(args) != 1 {
			return nil, raiseClass("TypeError", "count takes one argument"), true
		}
		n := 0
		for _, e := range all {
			if same, err := starlark.Equal(e, args[0]); err == nil && same {
				n++
			}
		}
		return starlark.MakeInt(n), nil, true
	case "extend":
		if len(args) == 1 {
			args = starlark.Tuple{each(args[0])}
		}
		v, err = callOwn(t, x, name, args, kwargs)
		return v, err, true
	case "reverse":
		slices.Reverse(all)
		return starlark.None, refill(x, all), true
	case "sort":
		sorted, err := starlark.Call(t, starlark.Universe["sorted"], append(starlark.Tuple{x}, args...), kwargs)
		if err != nil {
			return nil, err, true
		}
		all = all[:0]
		for e := range starlark.Elements(sorted.(starlark.Iterable)) {
			all = append(all, e)
		}
		return starlark.None, refill(x, all), true
	}
	return nil, nil, false
}
