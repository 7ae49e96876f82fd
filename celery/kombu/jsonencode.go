package kombu

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// appendJSON appends a value. Separators and key order are Python's defaults (", " and ": "), except that the
// keys of a map are sorted.
func appendJSON(dst []byte, v any, depth int) ([]byte, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: JSON: nested too deeply", ErrEncode)
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case string:
		return appendString(dst, v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case float64:
		return appendFloat(dst, v, 64), nil
	case []any:
		return appendList(dst, len(v), depth, func(i int) any { return v[i] })
	case map[string]any:
		return appendMap(dst, v, depth)
	case Object:
		return appendObject(dst, v, depth)
	case []byte:
		return appendBytes(dst, v), nil
	case json.Number:
		return append(dst, v...), nil
	case *big.Int:
		return v.Append(dst, 10), nil
	case DateTime:
		return appendMarked(dst, "datetime", v.formatISO()), nil
	case time.Time:
		return appendMarked(dst, "datetime", DateTime{Time: v}.formatISO()), nil
	case Date:
		return appendMarked(dst, "date", v.Format(time.DateOnly)), nil
	case TimeOfDay:
		return appendMarked(dst, "time", string(v)), nil
	case Decimal:
		return appendMarked(dst, "decimal", string(v)), nil
	case uuid.UUID:
		return append(dst, fmt.Sprintf(`{"__type__": "uuid", "__value__": {"hex": "%x"}}`, v[:])...), nil
	case json.RawMessage:
		if !json.Valid(v) {
			return nil, fmt.Errorf("%w: JSON: malformed json.RawMessage", ErrEncode)
		}
		return append(dst, v...), nil
	case json.Marshaler, encoding.TextMarshaler:
		return appendByStandard(dst, v)
	}
	return appendReflect(dst, v, depth)
}

func appendReflect(dst []byte, v any, depth int) ([]byte, error) {
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(dst, r.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(dst, r.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.AppendUint(dst, r.Uint(), 10), nil
	case reflect.Float32:
		return appendFloat(dst, r.Float(), 32), nil
	case reflect.Float64:
		return appendFloat(dst, r.Float(), 64), nil
	case reflect.String:
		return appendString(dst, r.String()), nil
	case reflect.Pointer, reflect.Interface:
		if r.IsNil() {
			return append(dst, "null"...), nil
		}
		return appendJSON(dst, r.Elem().Interface(), depth+1)
	case reflect.Slice:
		if r.IsNil() {
			return append(dst, "null"...), nil
		}
		if r.Type().Elem().Kind() == reflect.Uint8 {
			return appendBytes(dst, r.Bytes()), nil
		}
		return appendList(dst, r.Len(), depth, func(i int) any { return r.Index(i).Interface() })
	case reflect.Array:
		return appendList(dst, r.Len(), depth, func(i int) any { return r.Index(i).Interface() })
	case reflect.Map:
		if r.IsNil() {
			return append(dst, "null"...), nil
		}
		m := make(map[string]any, r.Len())
		for it := r.MapRange(); it.Next(); {
			key, err := mapKey(it.Key())
			if err != nil {
				return nil, err
			}
			m[key] = it.Value().Interface()
		}
		return appendMap(dst, m, depth)
	case reflect.Struct:
		return appendByStandard(dst, v)
	}
	return nil, fmt.Errorf("%w: Object of type %T is not JSON serializable", ErrEncode, v)
}

// mapKey prints a key as Python does for its basic types.
func mapKey(k reflect.Value) (string, error) {
	switch k.Kind() {
	case reflect.String:
		return k.String(), nil
	case reflect.Interface:
		if !k.IsNil() {
			return mapKey(k.Elem())
		}
		return "null", nil
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprint(k.Interface()), nil
	case reflect.Float32, reflect.Float64:
		return string(appendFloat(nil, k.Float(), 64)), nil
	}
	return "", fmt.Errorf("%w: keys must be str, int, float, bool or None, not %s", ErrEncode, k.Type())
}

func appendByStandard(dst []byte, v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEncode, err)
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...), nil
}

func appendList(dst []byte, n, depth int, at func(int) any) ([]byte, error) {
	dst = append(dst, '[')
	var err error
	for i := range n {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if dst, err = appendJSON(dst, at(i), depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func appendMap(dst []byte, m map[string]any, depth int) ([]byte, error) {
	if m == nil {
		return append(dst, "null"...), nil
	}
	dst = append(dst, '{')
	var err error
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(appendString(dst, k), ": "...)
		if dst, err = appendJSON(dst, m[k], depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func appendMarked(dst []byte, kind, value string) []byte {
	dst = append(dst, `{"__type__": "`...)
	dst = append(dst, kind...)
	dst = append(dst, `", "__value__": `...)
	return append(appendString(dst, value), '}')
}

func appendBytes(dst, b []byte) []byte {
	if utf8.Valid(b) {
		return appendMarked(dst, "bytes", string(b))
	}
	return appendMarked(dst, "base64", base64.StdEncoding.EncodeToString(b))
}

// appendFloat prints a float as Python's repr: always with a point or an exponent, so that it stays a float.
func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.AppendFloat(dst, f, 'e', -1, bits)
	}
	n := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, bits)
	if bytes.IndexByte(dst[n:], '.') < 0 {
		dst = append(dst, ".0"...)
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// appendString quotes a string. Bytes that are not UTF-8 become U+FFFD; what is not ASCII stays as it is.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}
