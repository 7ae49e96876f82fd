// Package pyrepr prints Go values the way Python prints them: repr() for exceptions and log lines, and Celery's
// bounded "saferepr" for task arguments and results, so that monitors cannot tell a Go worker from a Python one.
//
// Values are those of a decoded message: nil, bool, the integers, *big.Int, float64, string, []byte, []any, Tuple,
// maps with string keys (printed in key order, for Go keeps none), time.Time, uuid.UUID. Other values print through their
// PyRepr method, or as encoding/json would write them.
package pyrepr

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Tuple is a sequence that prints in round brackets, such as the positional arguments of a task.
type Tuple []any

// Reprer is a value that knows its own Python form.
type Reprer interface{ PyRepr() string }

// Pair is one entry of an ordered dictionary.
type Pair struct {
	Key   string
	Value any
}

// Ordered is a dictionary that remembers the order of its entries.
type Ordered interface{ PyItems() []Pair }

// Repr returns what Python's repr() prints.
func Repr(v any) string {
	var b strings.Builder
	writeRepr(&b, v, 0)
	return b.String()
}

// maxDepth bounds the recursion over hostile nesting.
const maxDepth = 200

func writeRepr(b *strings.Builder, v any, depth int) {
	if depth > maxDepth {
		b.WriteString("...")
		return
	}
	if s, ok := scalar(v); ok {
		b.WriteString(s)
		return
	}
	switch x := v.(type) {
	case string:
		b.WriteString(Str(x))
		return
	case []byte:
		b.WriteString(Bytes(x))
		return
	}
	kind, seq, items := container(v)
	switch kind {
	case isList, isTuple:
		open, end := "[", "]"
		if kind == isTuple {
			open, end = "(", ")"
			if len(seq) == 1 {
				end = ",)"
			}
		}
		b.WriteString(open)
		for i, e := range seq {
			if i > 0 {
				b.WriteString(", ")
			}
			writeRepr(b, e, depth+1)
		}
		b.WriteString(end)
	case isDict:
		b.WriteByte('{')
		for i, e := range items {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(Str(e.Key))
			b.WriteString(": ")
			writeRepr(b, e.Value, depth+1)
		}
		b.WriteByte('}')
	default:
		writeOther(b, v, depth)
	}
}

// writeOther prints a Go value of a type of its own through its JSON form.
func writeOther(b *strings.Builder, v any, depth int) {
	g, err := Generic(v)
	if err != nil {
		fmt.Fprintf(b, "<%T>", v)
		return
	}
	writeRepr(b, g, depth+1)
}

// Generic turns a Go value into message values by way of its JSON form; whole numbers stay whole.
func Generic(v any) (any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	return genericFrom(d)
}

// genericFrom reads one JSON value, keeping the order of objects.
func genericFrom(d *json.Decoder) (any, error) {
	tok, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := tok.(type) {
	case json.Number:
		return Number(string(t)), nil
	case json.Delim:
		if t == '[' {
			list := []any{}
			for d.More() {
				e, err := genericFrom(d)
				if err != nil {
					return nil, err
				}
				list = append(list, e)
			}
			_, err := d.Token()
			return list, err
		}
		var m orderedMap
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			e, err := genericFrom(d)
			if err != nil {
				return nil, err
			}
			m = append(m, Pair{k.(string), e})
		}
		_, err := d.Token()
		return m, err
	}
	return tok, nil
}

type orderedMap []Pair

func (m orderedMap) PyItems() []Pair { return m }

// Number turns the text of a JSON number into int64, *big.Int or float64.
func Number(s string) any {
	if !strings.ContainsAny(s, ".eE") {
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return i
		}
		if z, ok := new(big.Int).SetString(s, 10); ok {
			return z
		}
	}
	f, _ := strconv.ParseFloat(s, 64)
	return f
}

// scalar prints what is neither text nor a container.
func scalar(v any) (string, bool) {
	switch x := v.(type) {
	case nil:
		return "None", true
	case bool:
		if x {
			return "True", true
		}
		return "False", true
	case int:
		return strconv.Itoa(x), true
	case int64:
		return strconv.FormatInt(x, 10), true
	case int32:
		return strconv.FormatInt(int64(x), 10), true
	case uint64:
		return strconv.FormatUint(x, 10), true
	case uint32:
		return strconv.FormatUint(uint64(x), 10), true
	case float64:
		return Float(x), true
	case float32:
		return Float(float64(x)), true
	case *big.Int:
		return x.String(), true
	case json.Number:
		s, _ := scalar(Number(string(x)))
		return s, true
	case time.Time:
		return Time(x), true
	case uuid.UUID:
		return "UUID('" + x.String() + "')", true
	case Reprer:
		return x.PyRepr(), true
	}
	return "", false
}

type kind int

const (
	isNone kind = iota
	isList
	isTuple
	isDict
)

// container takes a list, tuple or dictionary apart.
func container(v any) (kind, []any, []Pair) {
	switch x := v.(type) {
	case []any:
		return isList, x, nil
	case Tuple:
		return isTuple, x, nil
	case Ordered:
		return isDict, nil, x.PyItems()
	case map[string]any:
		items := make([]Pair, 0, len(x))
		for k, e := range x {
			items = append(items, Pair{k, e})
		}
		sort.Slice(items, func(i, j int) bool { return items[i].Key < items[j].Key })
		return isDict, nil, items
	case []string:
		seq := make([]any, len(x))
		for i, e := range x {
			seq[i] = e
		}
		return isList, seq, nil
	}
	if _, marshals := v.(json.Marshaler); marshals {
		return isNone, nil, nil
	}
	rv := reflect.ValueOf(v)
	if rv.Kind() == reflect.Slice || rv.Kind() == reflect.Array {
		seq := make([]any, rv.Len())
		for i := range seq {
			seq[i] = rv.Index(i).Interface()
		}
		return isList, seq, nil
	}
	return isNone, nil, nil
}

// Float prints a number as Python does: the shortest text that reads back, always with a point or an exponent.
func Float(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		s := strconv.FormatFloat(f, 'e', -1, 64)
		return s // Go and Python both write at least two digits of exponent
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.ContainsRune(s, '.') {
		s += ".0"
	}
	return s
}

// Str prints text: in single quotes unless it holds some and no double ones, with what is not printable escaped.
func Str(s string) string {
	quote := byte('\'')
	if strings.IndexByte(s, '\'') >= 0 && strings.IndexByte(s, '"') < 0 {
		quote = '"'
	}
	var b strings.Builder
	b.Grow(len(s) + 2)
	b.WriteByte(quote)
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\udc%02x`, s[i]) // as Python's surrogateescape would show it
			i++
			continue
		}
		i += n
		switch {
		case r == rune(quote) || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte(quote)
	return b.String()
}

// Bytes prints a bytes object.
func Bytes(p []byte) string {
	quote := byte('\'')
	if strings.IndexByte(string(p), '\'') >= 0 && strings.IndexByte(string(p), '"') < 0 {
		quote = '"'
	}
	var b strings.Builder
	b.WriteByte('b')
	b.WriteByte(quote)
	for _, c := range p {
		switch {
		case c == quote || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < 0x20 || c >= 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte(quote)
	return b.String()
}

// Time prints a point in time as datetime.datetime(...) of microsecond resolution.
func Time(t time.Time) string {
	_, off := t.Zone()
	return strings.TrimSuffix(Naive(t), ")") + Zone(off) + ")"
}

// Naive prints the wall-clock reading of a point in time as datetime.datetime(...) without an offset.
func Naive(t time.Time) string {
	return fmt.Sprintf("datetime.datetime(%d, %d, %d, %s)", t.Year(), int(t.Month()), t.Day(), Clock(t))
}

// Clock prints hour, minute and what is not zero of second and microsecond, as the arguments of datetime and time.
func Clock(t time.Time) string {
	s := fmt.Sprintf("%d, %d", t.Hour(), t.Minute())
	us := t.Nanosecond() / 1000
	if t.Second() != 0 || us != 0 {
		s += fmt.Sprintf(", %d", t.Second())
	}
	if us != 0 {
		s += fmt.Sprintf(", %d", us)
	}
	return s
}

// Zone prints an offset, in seconds, as the argument tzinfo, with the comma before it.
func Zone(off int) string {
	if off == 0 {
		return ", tzinfo=datetime.timezone.utc"
	}
	days := ""
	if off < 0 {
		days, off = "days=-1, ", off+86400
	}
	return fmt.Sprintf(", tzinfo=datetime.timezone(datetime.timedelta(%sseconds=%d))", days, off)
}

// Exception prints an exception of the given class and arguments.
func Exception(class string, args []any) string {
	parts := make([]string, len(args))
	for i, a := range args {
		parts[i] = Repr(a)
	}
	return class + "(" + strings.Join(parts, ", ") + ")"
}
