package config

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// pathValue is pathlib.Path on a POSIX system, and its text.
type pathValue string

// newPath joins parts as pathlib does: an absolute part starts afresh, "." and double slashes vanish.
func newPath(parts ...string) pathValue {
	joined := ""
	for _, p := range parts {
		switch {
		case strings.HasPrefix(p, "/") || joined == "":
			joined = p
		case p != "":
			joined += "/" + p
		}
	}
	abs := strings.HasPrefix(joined, "/")
	var kept []string
	for _, p := range strings.Split(joined, "/") {
		if p != "" && p != "." {
			kept = append(kept, p)
		}
	}
	s := strings.Join(kept, "/")
	if abs {
		s = "/" + s
	}
	return pathValue(orWord(s, "."))
}

func (v pathValue) String() string        { return string(v) }
func (v pathValue) Type() string          { return "path" }
func (v pathValue) Freeze()               {}
func (v pathValue) Truth() starlark.Bool  { return true }
func (v pathValue) Hash() (uint32, error) { return starlark.String(v).Hash() }

func (v pathValue) Cmp(other starlark.Value, _ int) (int, error) {
	return strings.Compare(string(v), string(other.(pathValue))), nil
}

func (v pathValue) Binary(op syntax.Token, y starlark.Value, side starlark.Side) (starlark.Value, error) {
	other, ok := pathText(y)
	if op != syntax.SLASH || !ok {
		return nil, nil
	}
	if side == starlark.Right {
		return newPath(other, string(v)), nil
	}
	return newPath(string(v), other), nil
}

func pathText(v starlark.Value) (string, bool) {
	switch v := v.(type) {
	case pathValue:
		return string(v), true
	case starlark.String:
		return string(v), true
	}
	return "", false
}

func (v pathValue) parent() pathValue { return newPath(path.Dir(string(v))) }

func (v pathValue) Attr(name string) (starlark.Value, error) {
	base := path.Base(string(v))
	if base == "/" || base == "." {
		base = ""
	}
	ext := ""
	if i := strings.LastIndexByte(base, '.'); i > 0 && i < len(base)-1 {
		ext = base[i:]
	}
	switch name {
	case "parent":
		return v.parent(), nil
	case "parents":
		var list []starlark.Value
		for p := v; p != "." && p != "/"; {
			p = p.parent()
			list = append(list, p)
		}
		return starlark.Tuple(list), nil
	case "name":
		return starlark.String(base), nil
	case "stem":
		return starlark.String(strings.TrimSuffix(base, ext)), nil
	case "suffix":
		return starlark.String(ext), nil
	case "suffixes":
		var list []starlark.Value
		if _, rest, ok := strings.Cut(strings.TrimPrefix(base, "."), "."); ok && !strings.HasSuffix(base, ".") {
			for _, e := range strings.Split(rest, ".") {
				list = append(list, starlark.String("."+e))
			}
		}
		return starlark.NewList(list), nil
	case "parts":
		var list starlark.Tuple
		if path.IsAbs(string(v)) {
			list = append(list, starlark.String("/"))
		}
		for _, p := range strings.Split(string(v), "/") {
			if p != "" && p != "." {
				list = append(list, starlark.String(p))
			}
		}
		return list, nil
	case "anchor", "root":
		return starlark.String(map[bool]string{true: "/"}[path.IsAbs(string(v))]), nil
	case "relative_to":
		return fn1(name, func(a starlark.Value) (starlark.Value, error) {
			base := newPath(plain(a))
			rest, ok := strings.CutPrefix(strings.TrimSuffix(string(v), "/")+"/", strings.TrimSuffix(string(base), "/")+"/")
			if base == "." && !path.IsAbs(string(v)) {
				rest, ok = string(v), true
			}
			if !ok {
				return nil, raiseClass("ValueError", "%s is not below %s", v, base)
			}
			return newPath(strings.TrimSuffix(rest, "/")), nil
		}), nil
	case "with_stem":
		return fn1(name, func(a starlark.Value) (starlark.Value, error) { return newPath(string(v.parent()), plain(a)+ext), nil }), nil
	case "as_posix", "__str__", "__fspath__":
		return fn0(name, starlark.String(v)), nil
	case "exists", "is_dir", "is_file":
		info, err := os.Stat(string(v))
		ok := err == nil && (name == "exists" || info.IsDir() == (name == "is_dir"))
		return fn0(name, starlark.Bool(ok)), nil
	case "is_absolute":
		return fn0(name, starlark.Bool(path.IsAbs(string(v)))), nil
	case "with_suffix":
		return fn1(name, func(a starlark.Value) (starlark.Value, error) {
			return newPath(strings.TrimSuffix(string(v), ext) + plain(a)), nil
		}), nil
	case "with_name":
		return fn1(name, func(a starlark.Value) (starlark.Value, error) { return newPath(string(v.parent()), plain(a)), nil }), nil
	case "joinpath":
		return starlark.NewBuiltin(name, func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			parts := []string{string(v)}
			for _, a := range args {
				parts = append(parts, plain(a))
			}
			return newPath(parts...), nil
		}), nil
	case "resolve", "absolute", "expanduser":
		return starlark.NewBuiltin(name, func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
			return pathValue(realPath(string(v), name)), nil
		}), nil
	case "read_text", "read_bytes", "open", "glob", "rglob", "iterdir", "stat":
		return nil, notRead("write the values themselves", "other files and folders are not read")
	case "mkdir", "touch":
		return fn0AnyArgs(name), nil // making folders is not a settings file's business
	}
	return nil, nil
}

func (v pathValue) AttrNames() []string {
	return []string{"absolute", "as_posix", "exists", "expanduser", "is_absolute", "is_dir", "is_file", "joinpath", "mkdir", "name", "parent", "parents", "resolve", "stem", "suffix", "with_name", "with_suffix"}
}

// realPath makes a path absolute; ~ is the home folder for expanduser alone.
func realPath(p, how string) string {
	if how == "expanduser" {
		if home, err := os.UserHomeDir(); err == nil {
			return expandHome(p, home)
		}
		return p
	}
	if !path.IsAbs(p) {
		if wd, err := os.Getwd(); err == nil {
			p = wd + "/" + p
		}
	}
	if how == "absolute" {
		return string(newPath(p))
	}
	// What exists of it is followed through symbolic links, as ".." beyond one means another folder.
	p = string(newPath(p))
	for head, tail := p, ""; ; {
		if real, err := filepath.EvalSymlinks(head); err == nil {
			return path.Join(real, tail)
		}
		if head == "/" {
			return path.Clean(p)
		}
		head, tail = path.Dir(head), path.Join(path.Base(head), tail)
	}
}

// fn0AnyArgs is a method that takes anything and does nothing.
func fn0AnyArgs(name string) *starlark.Builtin { return starlark.NewBuiltin(name, ignore) }
