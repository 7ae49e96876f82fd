package kombu

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/uuid"
)

// jsonReader reads JSON as Python's json module does: NaN and Infinity are literals, integers keep their
// size, of equal keys the last counts.
type jsonReader struct {
	s []byte
	i int
	t string // the same bytes, for texts to share; "" if each text is to be a copy of its own

	ordered bool // objects become Objects
}

// shareLimit is the largest body whose texts share one copy of it, so that keeping one of them keeps no more alive.
const shareLimit = 4096

func (r *jsonReader) fail(what string) error {
	return fmt.Errorf("%w: JSON: %s at byte %d", ErrDecode, what, r.i)
}

func decodeJSON(data []byte) (any, error) { return readJSON(data, false) }

func readJSON(data []byte, ordered bool) (any, error) {
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%w: JSON: not UTF-8", ErrDecode)
	}
	r := jsonReader{s: data, ordered: ordered}
	if len(data) <= shareLimit {
		r.t = string(data)
	}
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if r.space(); r.i != len(r.s) {
		return nil, r.fail("extra data")
	}
	return v, nil
}

func (r *jsonReader) space() {
	for r.i < len(r.s) {
		switch r.s[r.i] {
		case ' ', '\t', '\n', '\r':
			r.i++
		default:
			return
		}
	}
}

// peek skips white space and returns the next byte, 0 at the end.
func (r *jsonReader) peek() byte {
	r.space()
	if r.i < len(r.s) {
		return r.s[r.i]
	}
	return 0
}

func (r *jsonReader) literal(word string) bool {
	if len(r.s)-r.i >= len(word) && string(r.s[r.i:r.i+len(word)]) == word {
		r.i += len(word)
		return true
	}
	return false
}

// value reads any value. depth is the nesting so far.
func (r *jsonReader) value(depth int) (any, error) {
	if depth > MaxDepth {
		return nil, r.fail("nested too deeply")
	}
	switch c := r.peek(); {
	case c == '"':
		return r.text()
	case c == '{':
		return r.object(depth)
	case c == '[':
		return r.array(depth)
	case c == 't' && r.literal("true"):
		return true, nil
	case c == 'f' && r.literal("false"):
		return false, nil
	case c == 'n' && r.literal("null"):
		return nil, nil
	case c == 'N' && r.literal("NaN"):
		return math.NaN(), nil
	case c == 'I' && r.literal("Infinity"):
		return math.Inf(1), nil
	case c == '-' && r.literal("-Infinity"):
		return math.Inf(-1), nil
	case c == '-' || c >= '0' && c <= '9':
		return r.number()
	}
	return nil, r.fail("no value")
}

func (r *jsonReader) array(depth int) (any, error) {
	r.i++
	out := []any{}
	if r.peek() == ']' {
		r.i++
		return out, nil
	}
	for {
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		switch r.peek() {
		case ',':
			r.i++
		case ']':
			r.i++
			return out, nil
		default:
			return nil, r.fail("no , or ] in an array")
		}
	}
}

func (r *jsonReader) object(depth int) (any, error) {
	if r.ordered {
		return r.orderedObject(depth)
	}
	out := map[string]any{}
	err := r.members(func(key string) error {
		v, err := r.value(depth + 1)
		out[key] = v
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(out) == 2 {
		if kind, ok := out["__type__"]; ok {
			if v, ok := out["__value__"]; ok {
				return marked(kind, v)
			}
		}
	}
	return out, nil
}

func (r *jsonReader) orderedObject(depth int) (any, error) {
	out, at := Object{}, map[string]int{}
	err := r.members(func(key string) error {
		v, err := r.value(depth + 1)
		if i, again := at[key]; again {
			out[i].Value = v
			return err
		}
		at[key] = len(out)
		out = append(out, Member{Key: key, Value: v})
		return err
	})
	if err != nil {
		return nil, err
	}
	kind, isMarked := at["__type__"]
	value, hasValue := at["__value__"]
	if len(out) == 2 && isMarked && hasValue {
		v := out[value].Value
		if o, ok := v.(Object); ok {
			v = o.Map()
		}
		return marked(out[kind].Value, v)
	}
	return out, nil
}

// members calls f for each member of the object that starts here; f reads the value.
func (r *jsonReader) members(f func(key string) error) error {
	if r.peek() != '{' {
		return r.fail("no object")
	}
	r.i++
	if r.peek() == '}' {
		r.i++
		return nil
	}
	for {
		if r.peek() != '"' {
			return r.fail("no member name")
		}
		key, err := r.text()
		if err != nil {
			return err
		}
		if r.peek() != ':' {
			return r.fail("no : after a member name")
		}
		r.i++
		r.space()
		if err := f(key); err != nil {
			return err
		}
		switch r.peek() {
		case ',':
			r.i++
		case '}':
			r.i++
			return nil
		default:
			return r.fail("no , or } in an object")
		}
	}
}

// text reads a string. A lone surrogate, which Python keeps, becomes U+FFFD.
func (r *jsonReader) text() (string, error) {
	raw, plain, err := r.span()
	if err != nil {
		return "", err
	}
	if !plain {
		return unescape(raw), nil
	}
	return r.cut(r.i-1-len(raw), r.i-1), nil
}

// cut is a stretch of the input as text.
func (r *jsonReader) cut(from, to int) string {
	if r.t != "" {
		return r.t[from:to]
	}
	return string(r.s[from:to])
}

// span finds the end of a string and returns what is between the quotes; plain means that it has no escapes.
// All escapes have been checked.
func (r *jsonReader) span() (raw []byte, plain bool, err error) {
	r.i++
	start := r.i
	plain = true
	for {
		r.i += plainRun(r.s[r.i:])
		if r.i >= len(r.s) {
			break
		}
		switch c := r.s[r.i]; {
		case c == '"':
			r.i++
			return r.s[start : r.i-1], plain, nil
		case c == '\\':
			plain = false
			if r.i+1 >= len(r.s) {
				return nil, false, r.fail("unfinished string")
			}
			switch r.s[r.i+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				r.i += 2
			case 'u':
				if r.i+6 > len(r.s) || hex4(r.s[r.i+2:]) < 0 {
					return nil, false, r.fail("malformed \\u escape")
				}
				r.i += 6
			default:
				return nil, false, r.fail("unknown escape")
			}
		default:
			return nil, false, r.fail("control character in a string")
		}
	}
	return nil, false, r.fail("unfinished string")
}

// plainRun is the number of bytes before the first one that is a quote, a backslash or a control character. It looks at
// eight bytes at a time: a byte of x-low has its top bit set, that of x not, where x is below low.
func plainRun(s []byte) int {
	const low, high = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		x := binary.LittleEndian.Uint64(s[i:])
		quote, slash := x^(low*'"'), x^(low*'\\')
		stop := (quote-low)&^quote | (slash-low)&^slash | (x-low*0x20)&^x
		if stop &= high; stop != 0 {
			return i + bits.TrailingZeros64(stop)/8 // a borrow can only have set bits above the first stop
		}
	}
	for ; i < len(s) && s[i] >= 0x20 && s[i] != '"' && s[i] != '\\'; i++ {
	}
	return i
}

// unescape undoes the escapes of a checked string.
func unescape(raw []byte) string {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			i++
			continue
		}
		c := raw[i+1]
		i += 2
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			ch := rune(hex4(raw[i:]))
			i += 4
			if utf16.IsSurrogate(ch) {
				low := rune(-1)
				if i+6 <= len(raw) && raw[i] == '\\' && raw[i+1] == 'u' {
					low = rune(hex4(raw[i+2:]))
				}
				if ch = utf16.DecodeRune(ch, low); ch != utf8.RuneError {
					i += 6
				}
			}
			out = utf8.AppendRune(out, ch)
			continue
		}
		out = append(out, c)
	}
	return string(out)
}

// hex4 reads four hexadecimal digits, -1 if they are none.
func hex4(b []byte) int {
	n := 0
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		n = n<<4 | int(c)
	}
	return n
}

// maxDigits is the longest integer, as in Python (sys.set_int_max_str_digits).
const maxDigits = 4300

func (r *jsonReader) number() (any, error) {
	start := r.i
	if r.s[r.i] == '-' {
		r.i++
	}
	digits := func() int {
		n := 0
		for r.i < len(r.s) && r.s[r.i] >= '0' && r.s[r.i] <= '9' {
			r.i++
			n++
		}
		return n
	}
	switch first := r.i; {
	case digits() == 0:
		return nil, r.fail("malformed number")
	case r.s[first] == '0':
		r.i = first + 1 // what follows a leading zero is extra data
	}
	whole := true
	if r.i+1 < len(r.s) && r.s[r.i] == '.' && r.s[r.i+1] >= '0' && r.s[r.i+1] <= '9' {
		whole = false
		r.i++
		digits()
	}
	if r.i < len(r.s) && (r.s[r.i] == 'e' || r.s[r.i] == 'E') {
		back := r.i
		r.i++
		if r.i < len(r.s) && (r.s[r.i] == '+' || r.s[r.i] == '-') {
			r.i++
		}
		if digits() == 0 {
			r.i = back
		} else {
			whole = false
		}
	}
	text := r.cut(start, r.i)
	if !whole {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil && !math.IsInf(f, 0) {
			return nil, r.fail("malformed number")
		}
		return f, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	if len(text) > maxDigits {
		return nil, r.fail("integer of too many digits")
	}
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return nil, r.fail("malformed number")
	}
	return n, nil
}

// skip passes over a value, checking it, and returns its bytes.
func (r *jsonReader) skip(depth int) ([]byte, error) {
	if depth > MaxDepth {
		return nil, r.fail("nested too deeply")
	}
	c := r.peek()
	start := r.i
	var err error
	switch c {
	case '"':
		_, _, err = r.span()
	case '{':
		err = r.members(func(string) error { _, err := r.skip(depth + 1); return err })
	case '[':
		r.i++
		if r.peek() == ']' {
			r.i++
			break
		}
		for done := false; !done && err == nil; {
			if _, err = r.skip(depth + 1); err != nil {
				break
			}
			switch r.peek() {
			case ',':
				r.i++
			case ']':
				r.i++
				done = true
			default:
				err = r.fail("no , or ] in an array")
			}
		}
	default:
		_, err = r.value(depth)
	}
	return r.s[start:r.i], err
}

// marked makes the value that Kombu marks with a type.
func marked(kind, v any) (any, error) {
	name, _ := kind.(string)
	text, isText := v.(string)
	bad := func() (any, error) {
		return nil, fmt.Errorf("%w: JSON: not a %s: %.100v", ErrDecode, name, v)
	}
	switch name {
	case "datetime", "date", "time", "decimal", "bytes", "base64":
		if !isText {
			return bad()
		}
	}
	switch name {
	case "datetime":
		if t, ok := parseISO(text); ok {
			return t, nil
		}
	case "date":
		if t, ok := parseISO(text); ok {
			return Date{t.Time}, nil
		}
	case "time":
		if _, _, ok := parseClock(text); ok {
			return TimeOfDay(text), nil
		}
	case "decimal":
		if isDecimal(text) {
			return Decimal(text), nil
		}
	case "bytes":
		return []byte(text), nil
	case "base64":
		if b, err := base64.StdEncoding.DecodeString(text); err == nil {
			return b, nil
		}
	case "uuid":
		if m, ok := v.(map[string]any); ok && len(m) == 1 {
			if s, ok := m["hex"].(string); ok {
				if u, err := uuid.Parse(s); err == nil {
					return u, nil
				}
			}
		}
	default:
		return nil, fmt.Errorf("%w: JSON: unsupported __type__ %.100v", ErrDecode, kind)
	}
	return bad()
}
