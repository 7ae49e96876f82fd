package config

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"
)

// namespace is a module, or a class with functions of its own.
type namespace struct {
	name    string
	members starlark.StringDict
	call    builtinFunc // for a class that can be called, nil otherwise
	lenient bool        // unknown members are calls without effect (logging, warnings)
}

func (n *namespace) String() string        { return "<" + n.name + ">" }
func (n *namespace) Type() string          { return n.name }
func (n *namespace) Freeze()               {}
func (n *namespace) Truth() starlark.Bool  { return true }
func (n *namespace) Hash() (uint32, error) { return starlark.String(n.name).Hash() }
func (n *namespace) AttrNames() []string   { return slices.Sorted(maps.Keys(n.members)) }
func (n *namespace) Name() string          { return n.name }

func (n *namespace) Attr(name string) (starlark.Value, error) {
	if v, ok := n.members[name]; ok {
		return v, nil
	}
	if name == "load_" { // see safeName
		name = "load"
	}
	if n.lenient {
		return silent(n.name + "." + name), nil
	}
	return nil, notRead("write the value itself", "%s.%s is not known here", n.name, name)
}

// silent is a member of a lenient module: it can be called and asked for members without effect.
func silent(name string) *namespace {
	n := &namespace{name: name, lenient: true}
	n.call = func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
		return n, nil
	}
	return n
}

func (n *namespace) CallInternal(t *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if n.call == nil {
		return nil, notRead("write the value itself", "%s cannot be called here", n.name)
	}
	return n.call(t, starlark.NewBuiltin(n.name, n.call), args, kwargs)
}

// foreign is a module that is not known, or a part of it.
type foreign struct{ name string }

func (f *foreign) fault() error {
	return notRead("write the value itself", "%s is not known here: no Python runs, and only pandas' dates, os, pathlib, datetime and dotenv are read", f.name)
}
func (f *foreign) String() string        { return f.name }
func (f *foreign) Type() string          { return "module " + f.name }
func (f *foreign) Freeze()               {}
func (f *foreign) Truth() starlark.Bool  { return true }
func (f *foreign) Hash() (uint32, error) { return 0, f.fault() }
func (f *foreign) AttrNames() []string   { return nil }
func (f *foreign) Attr(n string) (starlark.Value, error) {
	if n == "load_" { // see safeName
		n = "load"
	}
	return &foreign{f.name + "." + n}, nil
}
func (f *foreign) Name() string { return f.name }
func (f *foreign) CallInternal(*starlark.Thread, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	return nil, f.fault()
}

// importModule is __import__(name, within try).
func (in *interpreter) importModule(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	name := plain(args[0])
	if m := in.module(name); m != nil {
		return m, nil
	}
	if err := in.ownModule(name); err != nil {
		return nil, err
	}
	if args[1] == starlark.True {
		return nil, raiseClass("ModuleNotFoundError", "No module named %s", name)
	}
	return &foreign{name}, nil
}

// importAll is __star__(module), from module import * within try: where there is no such module, a handler expects that.
func (in *interpreter) importAll(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	name := plain(args[0])
	if in.module(name) == nil && in.ownModule(name) == nil {
		return nil, raiseClass("ModuleNotFoundError", "No module named %s", name)
	}
	return nil, notRead("write those settings in this file", "only this file is read, not the names of %s", name)
}

// ownModule refuses a module that lies beside config.py: its values may be settings.
func (in *interpreter) ownModule(name string) error {
	file := in.beside(strings.ReplaceAll(strings.TrimLeft(name, "."), ".", "/"))
	for _, file := range []string{file + ".py", filepath.Join(file, "__init__.py")} {
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			return notRead("write those settings in this file", "only this file is read, not %s", filepath.Base(file))
		}
	}
	return nil
}

// importName is __from__(module, name, within try).
func (in *interpreter) importName(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	module, name := plain(args[0]), plain(args[1])
	if m := in.module(module + "." + name); m != nil {
		return m, nil
	}
	m := in.module(module)
	if m == nil {
		if err := in.ownModule(module); err != nil {
			return nil, err
		}
		if args[2] == starlark.True {
			return nil, raiseClass("ModuleNotFoundError", "No module named %s", module)
		}
		return &foreign{module + "." + name}, nil
	}
	ns, ok := m.(*namespace)
	if !ok {
		return &foreign{module + "." + name}, nil
	}
	if v, err := ns.Attr(name); err == nil {
		return v, nil
	}
	return &foreign{module + "." + name}, nil
}

// module returns what an import of the name gives, nil if it is not known.
func (in *interpreter) module(name string) starlark.Value {
	switch name {
	case "pandas":
		return &namespace{name: "pandas", members: starlark.StringDict{
			"date_range": fn("date_range", dateRange), "Timestamp": class("Timestamp", timestamp, starlark.StringDict{"now": fn("now", now), "today": fn("today", now), "utcnow": fn("utcnow", now)}),
			"to_datetime": fn("to_datetime", timestamp), "Timedelta": fn("Timedelta", timedelta), "to_timedelta": fn("Timedelta", timedelta),
			"offsets": offsets(), "DateOffset": offsets().members["DateOffset"],
			"tseries": &namespace{name: "pandas.tseries", members: starlark.StringDict{"offsets": offsets(), "frequencies": frequencies()}},
		}}
	case "pandas.offsets", "pandas.tseries.offsets":
		return offsets()
	case "pandas.tseries.frequencies":
		return frequencies()
	case "numpy":
		return numpyModule()
	case "datetime":
		return datetimeModule()
	case "os":
		return in.osModule()
	case "os.path", "posixpath":
		return in.osPath()
	case "pathlib":
		return &namespace{name: "pathlib", members: starlark.StringDict{"Path": in.pathClass(), "PurePath": in.pathClass(), "PosixPath": in.pathClass(), "PurePosixPath": in.pathClass()}}
	case "dotenv":
		return &namespace{name: "dotenv", members: starlark.StringDict{
			"load_dotenv": fn("load_dotenv", in.loadDotenv), "find_dotenv": fn("find_dotenv", in.findDotenv), "dotenv_values": fn("dotenv_values", in.dotenvValues),
		}}
	}
	return in.libraryModule(name)
}

func fn(name string, f builtinFunc) *starlark.Builtin { return starlark.NewBuiltin(name, f) }

func class(name string, call builtinFunc, members starlark.StringDict) *namespace {
	return &namespace{name: name, members: members, call: call}
}

// offsets are pandas' lengths of time as classes: Hour(3).
func offsets() *namespace {
	d := starlark.StringDict{}
	for name, unit := range map[string]time.Duration{"Day": 24 * time.Hour, "Hour": time.Hour, "Minute": time.Minute, "Second": time.Second} {
		d[name] = fn(name, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			n := 1
			if err := starlark.UnpackArgs(name, args, kwargs, "n?", &n); err != nil {
				return nil, err
			}
			length, err := scale(float64(n), unit)
			return deltaValue(length), err
		})
	}
	// Of months and years the length is not fixed.
	d["DateOffset"] = fn("DateOffset", func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		for _, kw := range kwargs {
			if name := plain(kw[0]); name == "months" || name == "years" || !strings.HasSuffix(name, "s") {
				return nil, notRead("write it in days or hours", "%s of DateOffset has no fixed length", name)
			}
		}
		if len(args) > 0 || len(kwargs) == 0 {
			return nil, notRead("write hours= or days=", "this form of DateOffset is not read")
		}
		return timedelta(t, b, nil, kwargs)
	})
	return &namespace{name: "pandas.offsets", members: d}
}

// frequencies is pandas.tseries.frequencies.
func frequencies() *namespace {
	return &namespace{name: "pandas.tseries.frequencies", members: starlark.StringDict{"to_offset": fn1("to_offset", func(v starlark.Value) (starlark.Value, error) {
		step, err := toStep(v)
		return deltaValue(step), err
	})}}
}

func datetimeModule() *namespace {
	parts := func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		return datetimeParts(b, args, kwargs)
	}
	members := starlark.StringDict{
		"fromisoformat": fn("fromisoformat", timestamp),
		"strptime": fn("strptime", func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var value, format string
			if err := starlark.UnpackPositionalArgs("strptime", args, kwargs, 2, &value, &format); err != nil {
				return nil, err
			}
			layout := strings.NewReplacer("%Y", "2006", "%m", "01", "%d", "02", "%H", "15", "%M", "04", "%S", "05", "%b", "Jan", "%B", "January").Replace(format)
			t, err := time.Parse(layout, value)
			if err != nil || strings.Contains(layout, "%") {
				return nil, raiseClass("ValueError", "the date %q does not have the form %q", value, format)
			}
			return dateValue(t), nil
		}),
	}
	for _, name := range []string{"now", "today", "utcnow"} {
		members[name] = fn(name, now)
	}
	asDay := func(f builtinFunc) builtinFunc {
		return func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			v, err := f(t, b, args, kwargs)
			if d, ok := v.(dateValue); ok && err == nil {
				return d.day(), nil
			}
			return v, err
		}
	}
	days, dayMembers := asDay(parts), starlark.StringDict{"fromisoformat": fn("fromisoformat", asDay(timestamp)), "today": fn("today", asDay(now))}
	utc := starlark.String("UTC")
	return &namespace{name: "datetime", members: starlark.StringDict{
		"datetime": class("datetime", parts, members), "date": class("date", days, dayMembers),
		"timedelta": fn("timedelta", timedelta), "UTC": utc, "timezone": &namespace{name: "timezone", members: starlark.StringDict{"utc": utc}},
	}}
}

func (in *interpreter) pathClass() *namespace {
	return class("Path", func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		parts := make([]string, 0, len(args))
		for _, a := range args {
			p, ok := pathText(a)
			if !ok {
				return nil, raiseClass("TypeError", "a path is made of texts, not of a value of the kind %s", a.Type())
			}
			parts = append(parts, p)
		}
		return newPath(parts...), nil
	}, starlark.StringDict{
		"home": fn("home", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
			home, _ := in.getenv("HOME")
			return newPath(home), nil
		}),
		"cwd": fn("cwd", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
			return newPath(realPath("", "resolve")), nil
		}),
	})
}

func (in *interpreter) osModule() *namespace {
	env := &environValue{in}
	get, _ := env.Attr("get")
	return &namespace{name: "os", members: starlark.StringDict{
		"environ": env, "getenv": get, "path": in.osPath(), "sep": starlark.String("/"), "pardir": starlark.String(".."), "curdir": starlark.String("."), "linesep": starlark.String("\n"), "name": starlark.String("posix"),
		"makedirs": fn0AnyArgs("makedirs"), "mkdir": fn0AnyArgs("mkdir"), "umask": fn0AnyArgs("umask"),
		"putenv": fn0AnyArgs("putenv"), "PathLike": starlark.None,
		"fspath": fn1("fspath", func(v starlark.Value) (starlark.Value, error) { return starlark.String(plain(v)), nil }),
		"getcwd": fn("getcwd", func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
			return starlark.String(realPath("", "resolve")), nil
		}),
		"cpu_count": fn0("cpu_count", starlark.MakeInt(runtime.NumCPU())),
		"getpid":    fn0("getpid", starlark.MakeInt(os.Getpid())),
	}}
}

// osPath is os.path.
func (in *interpreter) osPath() *namespace {
	one := func(name string, f func(string) starlark.Value) *starlark.Builtin {
		return fn1(name, func(v starlark.Value) (starlark.Value, error) {
			s, ok := pathText(v)
			if !ok {
				return nil, raiseClass("TypeError", "%s wants a path, not a value of the kind %s", name, v.Type())
			}
			return f(s), nil
		})
	}
	text := func(f func(string) string) func(string) starlark.Value {
		return func(s string) starlark.Value { return starlark.String(f(s)) }
	}
	stat := func(ok func(os.FileInfo) bool) func(string) starlark.Value {
		return func(s string) starlark.Value {
			info, err := os.Stat(s)
			return starlark.Bool(err == nil && ok(info))
		}
	}
	return &namespace{name: "os.path", members: starlark.StringDict{
		"join":     fn("join", pathJoin),
		"abspath":  one("abspath", text(func(s string) string { return path.Clean(realPath(s, "absolute")) })),
		"realpath": one("realpath", text(func(s string) string { return realPath(s, "resolve") })),
		"normpath": one("normpath", text(path.Clean)),
		"dirname": one("dirname", text(func(s string) string {
			head := s[:strings.LastIndexByte(s, '/')+1]
			return orWord(strings.TrimRight(head, "/"), head)
		})),
		"basename": one("basename", text(func(s string) string { return s[strings.LastIndexByte(s, '/')+1:] })),
		"splitext": one("splitext", func(s string) starlark.Value {
			base := s[strings.LastIndexByte(s, '/')+1:]
			ext := ""
			if i := strings.LastIndexByte(base, '.'); i > 0 && strings.Trim(base[:i], ".") != "" {
				ext = base[i:]
			}
			return starlark.Tuple{starlark.String(strings.TrimSuffix(s, ext)), starlark.String(ext)}
		}),
		"expanduser": one("expanduser", text(func(s string) string {
			home, _ := in.getenv("HOME")
			if home != "" && (s == "~" || strings.HasPrefix(s, "~/")) {
				return strings.TrimRight(home, "/") + s[1:]
			}
			return s
		})),
		"expandvars": one("expandvars", text(func(s string) string {
			return os.Expand(s, func(name string) string {
				if v, ok := in.getenv(name); ok {
					return v
				}
				return "$" + name
			})
		})),
		"split": one("split", func(s string) starlark.Value {
			i := strings.LastIndexByte(s, '/') + 1
			return starlark.Tuple{starlark.String(orWord(strings.TrimRight(s[:i], "/"), s[:i])), starlark.String(s[i:])}
		}),
		"exists": one("exists", stat(func(os.FileInfo) bool { return true })),
		"isdir":  one("isdir", stat(os.FileInfo.IsDir)),
		"isfile": one("isfile", stat(func(i os.FileInfo) bool { return !i.IsDir() })),
		"isabs":  one("isabs", func(s string) starlark.Value { return starlark.Bool(path.IsAbs(s)) }),
		"sep":    starlark.String("/"),
	}}
}

// pathJoin is os.path.join: an absolute part starts afresh, nothing is cleaned.
func pathJoin(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	joined := ""
	for i, a := range args {
		p, ok := pathText(a)
		if !ok {
			return nil, raiseClass("TypeError", "join wants paths, not a value of the kind %s", a.Type())
		}
		switch {
		case i == 0 || strings.HasPrefix(p, "/"):
			joined = p
		case joined == "" || strings.HasSuffix(joined, "/"):
			joined += p
		default:
			joined += "/" + p
		}
	}
	return starlark.String(joined), nil
}

// environValue is os.environ: what the file itself set, then the process's variables and .env.
type environValue struct{ in *interpreter }

func (in *interpreter) getenv(name string) (string, bool) {
	if v, ok := in.environ[name]; ok {
		return v, true
	}
	if in.removed[name] {
		return "", false
	}
	if v, ok := in.src.lookup(name); ok {
		return v, true
	}
	v, ok := in.dotenv[name]
	return v, ok
}

func (v *environValue) String() string        { return "os.environ" }
func (v *environValue) Type() string          { return "environ" }
func (v *environValue) Freeze()               {}
func (v *environValue) Truth() starlark.Bool  { return true }
func (v *environValue) Hash() (uint32, error) { return 0, fmt.Errorf("os.environ has no hash") }
func (v *environValue) AttrNames() []string   { return []string{"get", "pop", "setdefault"} }

func (v *environValue) Get(key starlark.Value) (starlark.Value, bool, error) {
	name := plain(key)
	s, ok := v.in.getenv(name)
	if !ok {
		return nil, false, &exception{class: "KeyError", message: fmt.Sprintf("the variable %s is not set", name), mend: "set " + name + " in the environment or in .env"}
	}
	return starlark.String(s), true, nil
}

func (v *environValue) SetKey(key, value starlark.Value) error {
	s, ok := starlark.AsString(value)
	if !ok {
		return raiseClass("TypeError", "variables are texts, not values of the kind %s", value.Type())
	}
	v.in.environ[plain(key)] = s
	return nil
}

func (v *environValue) Attr(name string) (starlark.Value, error) {
	switch name {
	case "get", "pop", "setdefault":
		return fn(name, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			var key string
			var def starlark.Value = starlark.None
			if err := starlark.UnpackArgs(name, args, kwargs, "key", &key, "default?", &def); err != nil {
				return nil, err
			}
			if s, ok := v.in.getenv(key); ok {
				if name == "pop" {
					return starlark.String(s), v.remove(key)
				}
				return starlark.String(s), nil
			}
			if name == "pop" && len(args)+len(kwargs) == 1 {
				return nil, raiseClass("KeyError", "the variable %s is not set", key)
			}
			if name == "setdefault" {
				return def, v.SetKey(starlark.String(key), def)
			}
			return def, nil
		}), nil
	}
	return nil, nil
}

// remove takes a variable out of the file's environment.
func (v *environValue) remove(name string) error {
	if _, ok := v.in.getenv(name); !ok {
		return raiseClass("KeyError", "the variable %s is not set", name)
	}
	delete(v.in.environ, name)
	v.in.removed[name] = true
	return nil
}

// loadDotenv is dotenv.load_dotenv(path, override=...).
func (in *interpreter) loadDotenv(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name, stream, verbose, override, interpolate, encoding starlark.Value
	if err := starlark.UnpackArgs("load_dotenv", args, kwargs, "dotenv_path?", &name, "stream?", &stream, "verbose?", &verbose, "override?", &override, "interpolate?", &interpolate, "encoding?", &encoding); err != nil {
		return nil, err
	}
	f, err := in.readDotenv(name)
	for _, e := range f.entries {
		in.dotenv[e.name] = e.value
		if given(override) && bool(override.Truth()) {
			in.environ[e.name] = e.value
		}
	}
	return starlark.Bool(err == nil && len(f.entries) > 0), nil
}

func (in *interpreter) dotenvValues(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name starlark.Value
	if err := starlark.UnpackArgs("dotenv_values", args, kwargs, "dotenv_path?", &name); err != nil {
		return nil, err
	}
	f, _ := in.readDotenv(name)
	d := starlark.NewDict(len(f.entries))
	for _, e := range f.entries {
		if err := d.SetKey(starlark.String(e.name), starlark.String(e.value)); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (in *interpreter) findDotenv(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	return starlark.String(in.beside(".env")), nil
}

// readDotenv reads a .env file; one that is missing says nothing, as for python-dotenv.
func (in *interpreter) readDotenv(name starlark.Value) (dotenvFile, error) {
	file := in.beside(".env")
	if given(name) {
		file = in.beside(plain(name))
	}
	text, err := readBounded(file)
	if err != nil {
		return dotenvFile{}, err
	}
	f, _ := parseDotEnv(filepath.Base(file), string(text), in.getenv)
	return f, nil
}

// beside makes a name relative to config.py absolute.
func (in *interpreter) beside(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(in.src.path), name)
}
