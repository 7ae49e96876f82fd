package config

import (
	"math"
	"os"
	"runtime"
	"strings"

	starjson "go.starlark.net/lib/json"
	"go.starlark.net/starlark"
)

// libraryModule returns the small parts of Python's library that settings use beside dates and paths, nil
// if the name is not among them.
func (in *interpreter) libraryModule(name string) starlark.Value {
	switch name {
	case "math":
		return &namespace{name: name, members: starlark.StringDict{
			"pi": starlark.Float(math.Pi), "inf": starlark.Float(math.Inf(1)), "pow": fn("pow", pow), "prod": fn("prod", product),
			"sqrt": float1("sqrt", math.Sqrt), "log2": float1("log2", math.Log2), "log": float1("log", math.Log),
			"floor": rounding("floor", math.Floor), "ceil": rounding("ceil", math.Ceil), "trunc": rounding("trunc", math.Trunc),
			"e": starlark.Float(math.E), "log10": float1("log10", math.Log10), "exp": float1("exp", math.Exp),
		}}
	case "json":
		return &namespace{name: name, members: starlark.StringDict{"loads": fn("loads", jsonLoads)}}
	case "urllib":
		return &namespace{name: name, members: starlark.StringDict{"parse": in.libraryModule("urllib.parse")}}
	case "urllib.parse":
		return &namespace{name: name, members: starlark.StringDict{"quote": quoteURL("quote", "/", false), "quote_plus": quoteURL("quote_plus", "", true)}}
	case "socket", "platform":
		host, _ := os.Hostname()
		called := func(name string) *starlark.Builtin { return fn0(name, starlark.String(host)) }
		system := map[string]string{"linux": "Linux", "darwin": "Darwin"}[runtime.GOOS]
		return &namespace{name: name, members: starlark.StringDict{"system": fn0("system", starlark.String(system)), "gethostname": called("gethostname"), "node": called("node"), "getfqdn": called("getfqdn"),
			"TCP_KEEPIDLE": starlark.MakeInt(4), "TCP_KEEPINTVL": starlark.MakeInt(5), "TCP_KEEPCNT": starlark.MakeInt(6)}} // Linux's
	case "ssl":
		return &namespace{name: name, members: starlark.StringDict{"CERT_NONE": starlark.MakeInt(0), "CERT_OPTIONAL": starlark.MakeInt(1), "CERT_REQUIRED": starlark.MakeInt(2)}}
	case "kombu", "kombu.entity":
		return &namespace{name: name, members: starlark.StringDict{"Exchange": fn("Exchange", kombuExchange), "Queue": fn("Queue", kombuQueue)}}
	case "getpass":
		user, _ := in.getenv("USER")
		return &namespace{name: name, members: starlark.StringDict{"getuser": fn0("getuser", starlark.String(user))}}
	case "tempfile":
		return &namespace{name: name, members: starlark.StringDict{"gettempdir": fn0("gettempdir", starlark.String(os.TempDir()))}}
	case "sys":
		return &namespace{name: name, lenient: true, members: starlark.StringDict{
			"exit":         fn("exit", sysExit),
			"argv":         starlark.NewList([]starlark.Value{starlark.String("healpipe")}),
			"platform":     starlark.String(runtime.GOOS),
			"version_info": starlark.Tuple{starlark.MakeInt(3), starlark.MakeInt(12), starlark.MakeInt(0)},
		}}
	case "functools":
		return &namespace{name: name, members: starlark.StringDict{"reduce": fn("reduce", reduce), "partial": fn("partial", partial), "lru_cache": silent("lru_cache"), "cache": silent("cache"), "wraps": silent("wraps")}}
	case "itertools":
		return &namespace{name: name, members: starlark.StringDict{"product": fn("product", cartesian), "chain": fn("chain", chain)}}
	case "collections":
		return &namespace{name: name, members: starlark.StringDict{"OrderedDict": moreBuiltins()["dict"]}}
	case "typing", "__future__", "collections.abc", "enum", "dataclasses":
		return &namespace{name: name, lenient: true, members: starlark.StringDict{"TYPE_CHECKING": starlark.False}}
	case "logging", "warnings":
		return &namespace{name: name, lenient: true}
	}
	return nil
}

func sysExit(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 0 {
		return nil, raiseClass("SystemExit", "the file ends the program here")
	}
	return nil, raiseClass("SystemExit", "%s", plain(args[0]))
}

func jsonLoads(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var text string
	if err := starlark.UnpackPositionalArgs("loads", args, kwargs, 1, &text); err != nil {
		return nil, err
	}
	v, err := starlark.Call(t, starjson.Module.Members["decode"], starlark.Tuple{starlark.String(text)}, nil)
	if err != nil {
		return nil, raiseClass("ValueError", "the text is no JSON: %.60q", text)
	}
	return v, nil
}

// quoteURL is urllib.parse.quote or quote_plus.
func quoteURL(name, safe string, plus bool) *starlark.Builtin {
	return starlark.NewBuiltin(name, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var text string
		keep := safe
		if err := starlark.UnpackArgs(name, args, kwargs, "string", &text, "safe?", &keep); err != nil {
			return nil, err
		}
		const hex = "0123456789ABCDEF"
		var b strings.Builder
		for i := range len(text) {
			c := text[i]
			switch {
			case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', isDigit(c), strings.IndexByte("_.-~", c) >= 0, strings.IndexByte(keep, c) >= 0:
				b.WriteByte(c)
			case c == ' ' && plus:
				b.WriteByte('+')
			default:
				b.WriteString(string([]byte{'%', hex[c>>4], hex[c&15]}))
			}
		}
		return starlark.String(b.String()), nil
	})
}

func float1(name string, f func(float64) float64) *starlark.Builtin {
	return fn1(name, func(v starlark.Value) (starlark.Value, error) {
		x, ok := starlark.AsFloat(v)
		if !ok {
			return nil, raiseClass("TypeError", "%s wants a number, not a value of the kind %s", name, v.Type())
		}
		return starlark.Float(f(x)), nil
	})
}

func rounding(name string, f func(float64) float64) *starlark.Builtin {
	return fn1(name, func(v starlark.Value) (starlark.Value, error) {
		x, ok := starlark.AsFloat(v)
		if !ok {
			return nil, raiseClass("TypeError", "%s wants a number, not a value of the kind %s", name, v.Type())
		}
		return starlark.NumberToInt(starlark.Float(f(x)))
	})
}

func product(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var items starlark.Iterable
	if err := starlark.UnpackPositionalArgs("prod", args, kwargs, 1, &items); err != nil {
		return nil, err
	}
	var total starlark.Value = starlark.MakeInt(1)
	for v := range starlark.Elements(items) {
		var err error
		if total, err = mul(t, b, starlark.Tuple{total, v}, nil); err != nil {
			return nil, err
		}
	}
	return total, nil
}

func reduce(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var f starlark.Callable
	var items starlark.Iterable
	var total starlark.Value
	if err := starlark.UnpackPositionalArgs("reduce", args, kwargs, 2, &f, &items, &total); err != nil {
		return nil, err
	}
	for v := range starlark.Elements(items) {
		if total == nil {
			total = v
			continue
		}
		var err error
		if total, err = starlark.Call(t, f, starlark.Tuple{total, v}, nil); err != nil {
			return nil, err
		}
	}
	if total == nil {
		return nil, raiseClass("TypeError", "reduce of nothing has no value")
	}
	return total, nil
}

func partial(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) == 0 {
		return nil, raiseClass("TypeError", "partial wants a function")
	}
	f, before, named := args[0], args[1:], kwargs
	return fn("partial", func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		all := append([]starlark.Tuple{}, kwargs...)
		for _, n := range named {
			given := false
			for _, kw := range kwargs {
				given = given || plain(kw[0]) == plain(n[0])
			}
			if !given {
				all = append(all, n)
			}
		}
		return starlark.Call(t, f, append(append(starlark.Tuple{}, before...), args...), all)
	}), nil
}

// cartesian is itertools.product, as a list.
func cartesian(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(kwargs) > 0 {
		return nil, notRead("write the list as often", "repeat of itertools.product is not read")
	}
	out := []starlark.Value{starlark.Tuple{}}
	for _, a := range args {
		items, ok := each(a).(starlark.Iterable)
		if !ok {
			return nil, raiseClass("TypeError", "product wants lists, not a value of the kind %s", a.Type())
		}
		var next []starlark.Value
		for _, head := range out {
			for v := range starlark.Elements(items) {
				if next = append(next, append(append(starlark.Tuple{}, head.(starlark.Tuple)...), v)); len(next) > maxRepeat {
					return nil, notRead("", "a product has more than %d elements", maxRepeat)
				}
			}
		}
		out = next
	}
	return starlark.NewList(out), nil
}

// chain is itertools.chain, as a list.
func chain(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	pairs := starlark.Tuple{}
	for _, a := range args {
		pairs = append(pairs, starlark.Tuple{starlark.True, a})
	}
	return splice(t, b, pairs, nil)
}
