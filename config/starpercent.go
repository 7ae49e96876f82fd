package config

import (
	"regexp"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
)

// The formatting of texts by % and by format.

// mod is x % y: a remainder, or Python's older formatting.
func mod(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	format, ok := args[0].(starlark.String)
	if !ok {
		return binaryMod(args[0], args[1])
	}
	values, ok := args[1].(starlark.Tuple)
	if !ok {
		values = starlark.Tuple{args[1]}
	}
	named, _ := args[1].(*starlark.Dict)
	var b strings.Builder
	next := 0
	rest := string(format)
	for {
		i := strings.IndexByte(rest, '%')
		if i < 0 {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:i])
		m := percentForm.FindStringSubmatch(rest[i:])
		if m == nil {
			return nil, raiseClass("ValueError", "the format %q is not understood", rest[i:])
		}
		rest = rest[i+len(m[0]):]
		if m[5] == "%" {
			b.WriteByte('%')
			continue
		}
		var v starlark.Value
		switch {
		case m[1] != "" && named != nil:
			var found bool
			var err error
			if v, found, err = named.Get(starlark.String(m[1][1 : len(m[1])-1])); err != nil || !found {
				return nil, raiseClass("KeyError", "%s", m[1])
			}
		case next < len(values):
			v = values[next]
			next++
		default:
			return nil, raiseClass("TypeError", "not enough arguments for the format %q", string(format))
		}
		s, err := percentValue(v, m[2], m[3], m[4], m[5])
		if err != nil {
			return nil, err
		}
		b.WriteString(s)
	}
	if named == nil && next < len(values) {
		return nil, raiseClass("TypeError", "more arguments than the format %q takes", string(format))
	}
	return starlark.String(b.String()), nil
}

var percentForm = regexp.MustCompile(`^%(\([^)]*\))?([-+ #0]*)(\d*)(?:\.(\d+))?([a-zA-Z%])`)

// percentValue turns one %-conversion into a format specification.
func percentValue(v starlark.Value, flags, width, precision, verb string) (string, error) {
	spec := ""
	if c, ok := v.(starlark.String); ok && verb == "c" && len([]rune(string(c))) == 1 {
		verb = "s"
	}
	text := verb == "s" || verb == "r" || verb == "a"
	switch {
	case strings.Contains(flags, "-"):
		spec = "<"
	case text && width != "":
		spec = ">"
	}
	for _, sign := range []string{"+", " "} {
		if strings.Contains(flags, sign) {
			spec += sign
			break
		}
	}
	if strings.Contains(flags, "#") {
		spec += "#"
	}
	if strings.Contains(flags, "0") && !strings.Contains(flags, "-") && !text {
		spec += "0"
	}
	spec += width
	if precision != "" {
		spec += "." + precision
	}
	switch verb {
	case "s":
		s, err := formatValue(v, "", "")
		if err != nil {
			return "", err
		}
		return formatValue(starlark.String(s), "", spec)
	case "r", "a":
		return formatValue(v, "r", spec)
	case "i", "u":
		verb = "d"
	}
	if f, ok := v.(starlark.Float); ok && verb == "d" {
		i, err := starlark.NumberToInt(f)
		if err != nil {
			return "", err
		}
		v = i
	}
	return formatValue(v, "", spec+verb)
}

// formatText is text.format(...).
func formatText(s string, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var b strings.Builder
	auto := 0
	for i := 0; i < len(s); {
		rest := s[i:]
		switch {
		case strings.HasPrefix(rest, "{{") || strings.HasPrefix(rest, "}}"):
			b.WriteByte(rest[0])
			i += 2
		case rest[0] == '{':
			end := closingBrace(rest)
			if end < 0 {
				return nil, raiseClass("ValueError", "a { in the format has no }")
			}
			field, spec, _ := strings.Cut(rest[1:end], ":")
			field, conversion, _ := strings.Cut(field, "!")
			v, err := formatArgument(field, &auto, args, kwargs)
			if err != nil {
				return nil, err
			}
			for strings.Contains(spec, "{") { // a width or precision that is an argument itself
				before, inner, _ := strings.Cut(spec, "{")
				inner, after, ok := strings.Cut(inner, "}")
				if !ok {
					return nil, raiseClass("ValueError", "a { in the format has no }")
				}
				arg, err := formatArgument(inner, &auto, args, kwargs)
				if err != nil {
					return nil, err
				}
				if spec = before + plain(arg) + after; len(spec) > maxRepeat || strings.Contains(plain(arg), "{") {
					return nil, raiseClass("ValueError", "the format is not understood")
				}
			}
			out, err := formatValue(v, conversion, spec)
			if err != nil {
				return nil, err
			}
			b.WriteString(out)
			i += end + 1
		case rest[0] == '}':
			return nil, raiseClass("ValueError", "a } in the format has no {")
		default:
			b.WriteByte(rest[0])
			i++
		}
	}
	return starlark.String(b.String()), nil
}

// closingBrace returns where the field that opens a text ends, -1 if it does not.
func closingBrace(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// formatArgument finds the argument of a field: a number, a name, nothing for the next one, with
// attributes behind it.
func formatArgument(field string, auto *int, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	name := field
	attrs := ""
	if i := strings.IndexAny(field, ".["); i >= 0 {
		name, attrs = field[:i], field[i:]
	}
	var v starlark.Value
	if name == "" {
		name = strconv.Itoa(*auto)
		*auto++
	}
	if n, err := strconv.Atoi(name); err == nil {
		if n < 0 || n >= len(args) {
			return nil, raiseClass("IndexError", "the format wants argument %d", n)
		}
		v = args[n]
	}
	for _, kw := range kwargs {
		if plain(kw[0]) == name {
			v = kw[1]
		}
	}
	if v == nil {
		return nil, raiseClass("KeyError", "the format wants the argument %q", name)
	}
	for attrs != "" {
		var part string
		var err error
		if attrs[0] == '[' {
			var ok bool
			if part, attrs, ok = strings.Cut(attrs[1:], "]"); !ok {
				return nil, raiseClass("ValueError", "a [ in the format has no ]")
			}
			v, err = element(v, part)
		} else {
			rest := attrs[1:]
			i := strings.IndexAny(rest, ".[")
			if i < 0 {
				i = len(rest)
			}
			part, attrs = rest[:i], rest[i:]
			v, err = attribute(v, part)
		}
		if err != nil {
			return nil, err
		}
	}
	return v, nil
}

// element is v[key] within a format: a number is an index, anything else a key.
func element(v starlark.Value, key string) (starlark.Value, error) {
	if x, ok := v.(starlark.Indexable); ok {
		i, err := strconv.Atoi(key)
		if err != nil || i < 0 || i >= x.Len() {
			return nil, raiseClass("IndexError", "the format wants element %s of %d", key, x.Len())
		}
		return x.Index(i), nil
	}
	if x, ok := v.(starlark.Mapping); ok {
		for _, k := range []starlark.Value{starlark.String(key), intKey(key)} {
			if e, found, err := x.Get(k); err == nil && found {
				return e, nil
			}
		}
	}
	return nil, raiseClass("KeyError", "the format wants the element %q", key)
}

func intKey(s string) starlark.Value {
	if n, err := strconv.Atoi(s); err == nil {
		return starlark.MakeInt(n)
	}
	return starlark.None
}
