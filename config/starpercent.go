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
		return formatValue(starlark.String(plain(v)), "", spec)
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
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				return nil, raiseClass("ValueError", "a { in the format has no }")
			}
			field, spec, _ := strings.Cut(rest[1:end], ":")
			field, conversion, _ := strings.Cut(field, "!")
			v, err := formatArgument(field, &auto, args, kwargs)
			if err != nil {
				return nil, err
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

// formatArgument finds the argument of a field: a number, a name, nothing for the next one, with
// attributes behind it.
func formatArgument(field string, auto *int, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	name, attrs, _ := strings.Cut(field, ".")
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
		var attr string
		attr, attrs, _ = strings.Cut(attrs, ".")
		var err error
		if v, err = attribute(v, attr); err != nil {
			return nil, err
		}
	}
	return v, nil
}
