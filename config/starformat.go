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
	switch v := v.(type) {
	case dateValue:
		if spec != "" {
			return strftime(v, spec)
		}
	case deltaValue: // pandas and datetime write them differently
		return "", notRead("write total_seconds() of it", "a length of time is not written as text here")
	case *namespace:
		if v.lenient {
			return "", notRead("write the value itself", "%s is not known here", v.name)
		}
	case *foreign:
		return "", v.fault()
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
