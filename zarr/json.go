package zarr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Metadata documents are kept as ordered trees, so that what this package does not interpret survives in the
// order and the notation it came in: nil, bool, string, number, []any, object. Two things differ from
// encoding/json: NaN, Infinity and -Infinity are numbers, as Python writes them, and output has Python's form.
type (
	object []member
	member struct {
		key string
		val any
	}
	number string // the literal
)

const maxJSONDepth = 64

func (o object) get(key string) (any, bool) {
	for i := range o {
		if o[i].key == key {
			return o[i].val, true
		}
	}
	return nil, false
}

// only refuses members that the package does not know: what they would change is unknown.
func (o object) only(keys ...string) error {
	for _, m := range o {
		if !slices.Contains(keys, m.key) {
			return fmt.Errorf("%w: %q in the configuration", ErrUnsupported, m.key)
		}
	}
	return nil
}

// set replaces the value of key, or appends it.
func (o object) set(key string, val any) object {
	for i := range o {
		if o[i].key == key {
			o = slices.Clone(o)
			o[i].val = val
			return o
		}
	}
	return append(slices.Clip(o), member{key, val})
}

func parseJSON(data []byte) (any, error) {
	p := jsonParser{data: data}
	v, err := p.value(0)
	if err != nil {
		return nil, fmt.Errorf("%w: JSON at byte %d: %v", ErrCorrupt, p.pos, err)
	}
	if p.space(); p.pos != len(data) {
		return nil, fmt.Errorf("%w: JSON at byte %d: more follows the value", ErrCorrupt, p.pos)
	}
	return v, nil
}

type jsonParser struct {
	data []byte
	pos  int
}

func (p *jsonParser) space() {
	for p.pos < len(p.data) && strings.IndexByte(" \t\r\n", p.data[p.pos]) >= 0 {
		p.pos++
	}
}

// take skips white space and one expected byte, if it is there.
func (p *jsonParser) take(c byte) bool {
	p.space()
	if p.pos < len(p.data) && p.data[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

func (p *jsonParser) value(depth int) (any, error) {
	if depth > maxJSONDepth {
		return nil, fmt.Errorf("nested more than %d deep", maxJSONDepth)
	}
	p.space()
	if p.pos == len(p.data) {
		return nil, fmt.Errorf("unexpected end")
	}
	switch c := p.data[p.pos]; {
	case c == '{':
		return p.object(depth)
	case c == '[':
		return p.array(depth)
	case c == '"':
		return p.str()
	default:
		return p.literal()
	}
}

func (p *jsonParser) object(depth int) (any, error) {
	p.pos++
	o := object{}
	if p.take('}') {
		return o, nil
	}
	seen := map[string]int{} // a repeated key's last value counts, as in Python
	for {
		p.space()
		if p.pos == len(p.data) || p.data[p.pos] != '"' {
			return nil, fmt.Errorf("expected a key")
		}
		key, err := p.str()
		if err != nil {
			return nil, err
		}
		if !p.take(':') {
			return nil, fmt.Errorf("expected ':'")
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if i, ok := seen[key]; ok {
			o[i].val = v
		} else {
			seen[key] = len(o)
			o = append(o, member{key, v})
		}
		if p.take('}') {
			return o, nil
		}
		if !p.take(',') {
			return nil, fmt.Errorf("expected ',' or '}'")
		}
	}
}

func (p *jsonParser) array(depth int) (any, error) {
	p.pos++
	a := []any{}
	if p.take(']') {
		return a, nil
	}
	for {
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
		if p.take(']') {
			return a, nil
		}
		if !p.take(',') {
			return nil, fmt.Errorf("expected ',' or ']'")
		}
	}
}

func (p *jsonParser) str() (string, error) {
	start := p.pos
	for p.pos++; p.pos < len(p.data); p.pos++ {
		switch p.data[p.pos] {
		case '\\':
			p.pos++
		case '"':
			p.pos++
			var s string
			if err := json.Unmarshal(p.data[start:p.pos], &s); err != nil {
				return "", fmt.Errorf("bad string")
			}
			return s, nil
		}
	}
	p.pos = len(p.data)
	return "", fmt.Errorf("string without end")
}

func (p *jsonParser) literal() (any, error) {
	start := p.pos
	for p.pos < len(p.data) && strings.IndexByte(" \t\r\n,]}:\"[{", p.data[p.pos]) < 0 {
		p.pos++
	}
	switch s := string(p.data[start:p.pos]); s {
	case "null":
		return nil, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "NaN", "Infinity", "-Infinity":
		return number(s), nil
	default:
		if s == "" || !(s[0] == '-' || s[0] >= '0' && s[0] <= '9') || !json.Valid([]byte(s)) {
			p.pos = start
			return nil, fmt.Errorf("unexpected %.20q", s)
		}
		return number(s), nil
	}
}

// formatJSON prints as Python's json.dumps(v, indent=2) does.
func formatJSON(v any) []byte {
	var b bytes.Buffer
	writeJSON(&b, v, "\n")
	return b.Bytes()
}

// brief prints a value for messages: in one line, and not at length.
func brief(v any) string {
	const most = 80
	text := []rune(oneLine(formatJSON(v)))
	if len(text) > most {
		text = append(text[:most], []rune("...")...)
	}
	return string(text)
}

// oneLine puts what formatJSON made in one line.
func oneLine(text []byte) string { return strings.Join(strings.Fields(string(text)), " ") }

func writeJSON(b *bytes.Buffer, v any, newline string) {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case string:
		writeJSONString(b, v)
	case number:
		b.WriteString(string(v))
	case []any:
		if len(v) == 0 {
			b.WriteString("[]")
			return
		}
		sep := "["
		for _, e := range v {
			b.WriteString(sep + newline + "  ")
			writeJSON(b, e, newline+"  ")
			sep = ","
		}
		b.WriteString(newline + "]")
	case object:
		if len(v) == 0 {
			b.WriteString("{}")
			return
		}
		sep := "{"
		for _, m := range v {
			b.WriteString(sep + newline + "  ")
			writeJSONString(b, m.key)
			b.WriteString(": ")
			writeJSON(b, m.val, newline+"  ")
			sep = ","
		}
		b.WriteString(newline + "}")
	default:
		panic(fmt.Sprintf("zarr: %T in a JSON tree", v))
	}
}

func writeJSONString(b *bytes.Buffer, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteByte(byte(r))
		case r >= ' ' && r < 0x7f:
			b.WriteByte(byte(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\f':
			b.WriteString(`\f`)
		case r < 0x10000:
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			r -= 0x10000
			fmt.Fprintf(b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
	}
	b.WriteByte('"')
}

// toJSON makes a tree of a caller's value. Floats get Python's notation, float32 that of the nearest float64.
func toJSON(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, number:
		return v, nil
	case string:
		if !utf8.ValidString(v) {
			return nil, fmt.Errorf("%w: string %.40q is not UTF-8", ErrInvalid, v)
		}
		return v, nil
	case object:
		return v, nil
	case float32:
		return floatJSON(float64(v)), nil
	case float64:
		return floatJSON(v), nil
	case json.Marshaler:
		return marshaled(v)
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Float32, reflect.Float64:
		return floatJSON(r.Float()), nil
	case reflect.Slice, reflect.Array:
		if r.Type().Elem().Kind() == reflect.Uint8 {
			return marshaled(v)
		}
		a := make([]any, r.Len())
		for i := range a {
			var err error
			if a[i], err = toJSON(r.Index(i).Interface()); err != nil {
				return nil, err
			}
		}
		return a, nil
	case reflect.Map:
		if r.Type().Key().Kind() != reflect.String {
			break
		}
		o := make(object, 0, r.Len())
		for it := r.MapRange(); it.Next(); {
			e, err := toJSON(it.Value().Interface())
			if err != nil {
				return nil, err
			}
			o = append(o, member{it.Key().String(), e})
		}
		slices.SortFunc(o, func(a, b member) int { return strings.Compare(a.key, b.key) })
		return o, nil
	}
	return marshaled(v)
}

func marshaled(v any) (any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrInvalid, err)
	}
	return parseJSON(text)
}

// floatJSON is a float as Zarr metadata write it: a Python literal or the specification's string.
func floatJSON(f float64) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	if e, _ := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:]); e < -4 || e >= 16 {
		return number(s)
	}
	if s = strconv.FormatFloat(f, 'f', -1, 64); !strings.Contains(s, ".") {
		s += ".0"
	}
	return number(s)
}

// fromJSON makes the public form of a tree: int64 or float64 for numbers, map[string]any for objects.
func fromJSON(v any) any {
	switch v := v.(type) {
	case number:
		if i, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return i
		}
		f, _ := strconv.ParseFloat(string(v), 64) // out of range: infinite, as in Python
		return f
	case []any:
		a := make([]any, len(v))
		for i := range v {
			a[i] = fromJSON(v[i])
		}
		return a
	case object:
		m := make(map[string]any, len(v))
		for _, e := range v {
			m[e.key] = fromJSON(e.val)
		}
		return m
	}
	return v
}

// intsJSON and jsonInts convert shapes.
func intsJSON(s []int) []any {
	a := make([]any, len(s))
	for i, n := range s {
		a[i] = number(strconv.Itoa(n))
	}
	return a
}

func jsonInts(v any) ([]int, bool) {
	a, ok := v.([]any)
	if !ok {
		return nil, false
	}
	s := make([]int, len(a))
	for i := range a {
		if s[i], ok = jsonInt(a[i]); !ok {
			return nil, false
		}
	}
	return s, true
}

func jsonInt(v any) (int, bool) {
	n, ok := v.(number)
	if !ok {
		return 0, false
	}
	i, err := strconv.Atoi(string(n))
	return i, err == nil
}
