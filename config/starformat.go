package config

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// Python's format specifications, for f-strings, str.format, format() and the % operator.

// joinFields is __fstr__(part, ...).
func joinFields(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	var b strings.Builder
	for _, a := range args {
		b.WriteString(plain(a))
		if b.Len() > maxRepeat {
			return nil, notRead("", "a text has more than %d bytes", maxRepeat)
		}
	}
	return starlark.String(b.String()), nil
}

// formatField is __fmt__(value, conversion, specification).
func formatField(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	s, err := formatValue(args[0], plain(args[1]), plain(args[2]))
	return starlark.String(s), err
}

func formatBuiltin(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v starlark.Value
	spec := ""
	if err := starlark.UnpackPositionalArgs("format", args, kwargs, 1, &v, &spec); err != nil {
		return nil, err
	}
	s, err := formatValue(v, "", spec)
	return starlark.String(s), err
}

func formatValue(v starlark.Value, conversion, spec string) (string, error) {
	if bad, ok := v.(*spoiltValue); ok {
		return "", &exception{class: unread, message: "a value that could not be read is used", spoilt: bad}
	}
	switch conversion {
	case "":
	case "r", "a":
		v = starlark.String(pyRepr(v))
	case "s":
		v = starlark.String(plain(v))
	default:
		return "", raiseClass("ValueError", "unknown conversion !%s", conversion)
	}
	if d, ok := v.(dateValue); ok && spec != "" {
		return strftime(d, spec)
	}
	if spec == "" {
		return plain(v), nil
	}
	f, err := parseFormat(spec)
	if err != nil {
		return "", err
	}
	return f.apply(v)
}

// pyRepr is repr(v) as Python writes it: single quotes, lists and the like element by element.
func pyRepr(v starlark.Value) string {
	var b strings.Builder
	writeRepr(&b, v, 0)
	return b.String()
}

func writeRepr(b *strings.Builder, v starlark.Value, depth int) {
	if depth > maxBrackets || b.Len() > maxRepeat {
		b.WriteString("...")
		return
	}
	list := func(open, end string, it starlark.Iterable) {
		b.WriteString(open)
		iter := it.Iterate()
		defer iter.Done()
		var e starlark.Value
		for n := 0; iter.Next(&e); n++ {
			if n > 0 {
				b.WriteString(", ")
			}
			writeRepr(b, e, depth+1)
			if d, ok := v.(*starlark.Dict); ok {
				b.WriteString(": ")
				value, _, _ := d.Get(e)
				writeRepr(b, value, depth+1)
			}
		}
		if t, ok := v.(starlark.Tuple); ok && len(t) == 1 {
			b.WriteByte(',')
		}
		b.WriteString(end)
	}
	switch v := v.(type) {
	case starlark.String:
		q := strconv.Quote(string(v))
		if !strings.Contains(string(v), "'") {
			q = "'" + strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`) + "'"
		}
		b.WriteString(q)
	case *starlark.List:
		list("[", "]", v)
	case starlark.Tuple:
		list("(", ")", v)
	case *starlark.Dict:
		list("{", "}", v)
	case *starlark.Set:
		list("{", "}", v)
	default:
		b.WriteString(v.String())
	}
}

type formatSpec struct {
	fill, align, sign     string
	alternate             bool
	width, precision      int // precision -1 for none
	grouping, presentment string
}

var formatForm = regexp.MustCompile(`^(?:(.)?([<>=^]))?([-+ ])?(#)?(0)?(\d*)([,_])?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$`)

func parseFormat(spec string) (formatSpec, error) {
	m := formatForm.FindStringSubmatch(spec)
	if m == nil {
		return formatSpec{}, raiseClass("ValueError", "the format %q is not understood", spec)
	}
	f := formatSpec{fill: orWord(m[1], " "), align: m[2], sign: m[3], alternate: m[4] != "", precision: -1, grouping: m[7], presentment: m[9]}
	if m[5] != "" && f.align == "" {
		f.fill, f.align = "0", "="
	}
	var err error
	if m[6] != "" {
		if f.width, err = strconv.Atoi(m[6]); err != nil {
			return f, raiseClass("ValueError", "the format %q is too wide", spec)
		}
	}
	if m[8] != "" {
		if f.precision, err = strconv.Atoi(m[8]); err != nil || f.precision > 1000 {
			return f, raiseClass("ValueError", "the format %q is too precise", spec)
		}
	}
	return f, nil
}

func (f formatSpec) apply(v starlark.Value) (string, error) {
	if b, ok := v.(starlark.Bool); ok && f.presentment != "" && f.presentment != "s" {
		v = starlark.MakeInt(map[starlark.Bool]int{false: 0, true: 1}[b])
	}
	switch v := v.(type) {
	case starlark.Int:
		if strings.Contains("eEfFgG%", orWord(f.presentment, "d")) {
			fl, _ := starlark.AsFloat(v)
			return f.float(fl)
		}
		return f.integer(v.BigInt())
	case starlark.Float:
		return f.float(float64(v))
	}
	if f.presentment != "" && f.presentment != "s" || f.align == "=" && f.fill != "0" || f.sign != "" {
		return "", raiseClass("ValueError", "this format is for numbers, the value is of the kind %s", v.Type())
	}
	s := plain(v)
	if f.precision >= 0 {
		if r := []rune(s); len(r) > f.precision {
			s = string(r[:f.precision])
		}
	}
	align := orWord(f.align, "<")
	if align == "=" {
		align = "<"
	}
	return pad(s, f.fill, align, f.width)
}

func (f formatSpec) integer(n *big.Int) (string, error) {
	base, prefix, group := 10, "", 3
	switch f.presentment {
	case "b":
		base, prefix, group = 2, "0b", 4
	case "o":
		base, prefix, group = 8, "0o", 4
	case "x", "X":
		base, prefix, group = 16, "0x", 4
	case "c":
		return pad(string(rune(n.Int64())), f.fill, orWord(f.align, "<"), f.width)
	case "s":
		return "", raiseClass("ValueError", "the format s is for texts, not for numbers")
	}
	digits := new(big.Int).Abs(n).Text(base)
	if f.grouping != "" {
		digits = grouped(digits, f.grouping, group)
	}
	if f.alternate {
		digits = prefix + digits
	}
	if f.presentment == "X" {
		digits = strings.ToUpper(digits)
	}
	return pad(signOf(n.Sign() < 0, f.sign)+digits, f.fill, orWord(f.align, ">"), f.width)
}

func (f formatSpec) float(x float64) (string, error) {
	verb, precision, suffix := byte('g'), f.precision, ""
	switch f.presentment {
	case "e", "E", "f", "F":
		verb = strings.ToLower(f.presentment)[0]
		if precision < 0 {
			precision = 6
		}
	case "%":
		verb, x, suffix = 'f', x*100, "%"
		if precision < 0 {
			precision = 6
		}
	case "", "g", "G", "n":
		if f.presentment == "" && precision < 0 {
			s, _ := strings.CutPrefix(starlark.Float(math.Abs(x)).String(), "+")
			return pad(signOf(math.Signbit(x), f.sign)+s, f.fill, orWord(f.align, ">"), f.width)
		}
		if precision < 0 {
			precision = 6
		}
		precision = max(precision, 1)
	default:
		return "", raiseClass("ValueError", "the format %s is not for floating-point numbers", f.presentment)
	}
	s := strconv.FormatFloat(math.Abs(x), verb, precision, 64)
	if f.grouping != "" {
		whole, rest, _ := strings.Cut(s, ".")
		s = grouped(whole, f.grouping, 3)
		if rest != "" {
			s += "." + rest
		}
	}
	if f.presentment == "E" || f.presentment == "G" {
		s = strings.ToUpper(s)
	}
	return pad(signOf(math.Signbit(x), f.sign)+s+suffix, f.fill, orWord(f.align, ">"), f.width)
}

func signOf(negative bool, sign string) string {
	if negative {
		return "-"
	}
	return strings.Trim(sign, "-")
}

func grouped(digits, sep string, n int) string {
	var parts []string
	for len(digits) > n {
		parts = append([]string{digits[len(digits)-n:]}, parts...)
		digits = digits[:len(digits)-n]
	}
	return strings.Join(append([]string{digits}, parts...), sep)
}

// pad fills up to width characters; "=" puts the filling behind a sign.
func pad(s, fill, align string, width int) (string, error) {
	n := width - utf8.RuneCountInString(s)
	if n <= 0 {
		return s, nil
	}
	if width > maxRepeat {
		return "", notRead("", "a text has more than %d characters", maxRepeat)
	}
	switch align {
	case ">":
		return strings.Repeat(fill, n) + s, nil
	case "^":
		return strings.Repeat(fill, n/2) + s + strings.Repeat(fill, n-n/2), nil
	case "=":
		at := 0
		if s != "" && strings.ContainsRune("+- ", rune(s[0])) {
			at = 1
		}
		return s[:at] + strings.Repeat(fill, n) + s[at:], nil
	}
	return s + strings.Repeat(fill, n), nil
}

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
