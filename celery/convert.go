package celery

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"time"

	"github.com/google/uuid"

	"healpipe/celery/internal/pyrepr"
	"healpipe/celery/kombu"
)

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	bigIntType   = reflect.TypeFor[big.Int]()
	bytesType    = reflect.TypeFor[[]byte]()
	rawType      = reflect.TypeFor[json.RawMessage]()
)

// convert stores a decoded message value in dst. Numbers must fit exactly; None fits pointers, slices, maps and
// interfaces only. The error reads "must be str, not int", to follow the name of the argument.
func convert(v any, dst reflect.Value) error {
	t := dst.Type()
	if n, ok := v.(json.Number); ok {
		v = pyrepr.Number(string(n))
	}
	if v != nil && reflect.TypeOf(v) == t {
		dst.Set(reflect.ValueOf(v))
		return nil
	}
	if t.Kind() == reflect.Interface {
		if v == nil {
			dst.SetZero()
			return nil
		}
		if reflect.TypeOf(v).Implements(t) {
			dst.Set(reflect.ValueOf(v))
			return nil
		}
		return misfit(t.String(), v)
	}
	if t.Kind() == reflect.Pointer {
		if v == nil {
			dst.SetZero()
			return nil
		}
		p := reflect.New(t.Elem())
		if err := convert(v, p.Elem()); err != nil {
			return err
		}
		dst.Set(p)
		return nil
	}
	if done, err := convertSpecial(v, dst); done {
		return err
	}
	switch t.Kind() {
	case reflect.String:
		if s, ok := v.(string); ok {
			dst.SetString(s)
			return nil
		}
		if s, ok := kombu.Text(v); ok {
			dst.SetString(s)
			return nil
		}
		return misfit("str", v)
	case reflect.Bool:
		if b, ok := v.(bool); ok {
			dst.SetBool(b)
			return nil
		}
		return misfit("bool", v)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, ok := toInt(v)
		if !ok && pyType(v) == "int" {
			return fmt.Errorf("must fit %s, got %v", t, v)
		}
		if !ok {
			return misfit("int", v)
		}
		if dst.OverflowInt(i) {
			return fmt.Errorf("must fit %s, got %d", t, i)
		}
		dst.SetInt(i)
		return nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if u, ok := v.(uint64); ok && !dst.OverflowUint(u) {
			dst.SetUint(u)
			return nil
		}
		i, ok := toInt(v)
		if !ok && pyType(v) == "int" {
			return fmt.Errorf("must fit %s, got %v", t, v)
		}
		if !ok {
			return misfit("int", v)
		}
		if i < 0 || dst.OverflowUint(uint64(i)) {
			return fmt.Errorf("must fit %s, got %d", t, i)
		}
		dst.SetUint(uint64(i))
		return nil
	case reflect.Float32, reflect.Float64:
		f, ok := toFloat(v)
		if !ok {
			return misfit("float", v)
		}
		dst.SetFloat(f)
		return nil
	case reflect.Slice, reflect.Array:
		return convertSlice(v, dst)
	case reflect.Map:
		return convertMap(v, dst)
	case reflect.Struct:
		return convertStruct(v, dst)
	}
	return fmt.Errorf("cannot be passed to a parameter of type %s", t)
}

// convertSpecial handles the types that have a meaning of their own.
func convertSpecial(v any, dst reflect.Value) (done bool, err error) {
	switch dst.Type() {
	case rawType:
		raw, err := json.Marshal(v)
		if err == nil {
			dst.SetBytes(raw)
		}
		return true, err
	case bytesType:
		switch x := v.(type) {
		case nil:
			dst.SetZero()
		case string:
			dst.SetBytes([]byte(x))
		default:
			return false, nil
		}
		return true, nil
	case timeType:
		switch x := v.(type) {
		case kombu.DateTime: // one without an offset is taken for UTC, as text is
			dst.Set(reflect.ValueOf(x.Time))
		case kombu.Date:
			dst.Set(reflect.ValueOf(x.Time))
		case string:
			t, err := parseISO(x, time.UTC)
			if err != nil {
				return true, fmt.Errorf("must be an ISO 8601 date, not %s", pyrepr.Repr(x))
			}
			dst.Set(reflect.ValueOf(t))
		default:
			return true, misfit("datetime", v)
		}
		return true, nil
	case durationType:
		switch x := v.(type) {
		case string:
			d, err := time.ParseDuration(x)
			if err != nil {
				return true, fmt.Errorf("must be a duration, not %s", pyrepr.Repr(x))
			}
			dst.SetInt(int64(d))
			return true, nil
		default:
			f, ok := toFloat(v)
			if !ok {
				return true, misfit("float", v)
			}
			dst.SetInt(int64(f * float64(time.Second)))
			return true, nil
		}
	case bigIntType:
		z := dst.Addr().Interface().(*big.Int)
		switch x := v.(type) {
		case *big.Int:
			z.Set(x)
			return true, nil
		default:
			i, ok := toInt(v)
			if !ok {
				return true, misfit("int", v)
			}
			z.SetInt64(i)
			return true, nil
		}
	}
	if s, ok := v.(string); ok && dst.CanAddr() {
		if u, ok := dst.Addr().Interface().(encoding.TextUnmarshaler); ok {
			return true, u.UnmarshalText([]byte(s))
		}
	}
	if dst.CanAddr() {
		if u, ok := dst.Addr().Interface().(json.Unmarshaler); ok {
			raw, err := json.Marshal(v)
			if err != nil {
				return true, err
			}
			return true, u.UnmarshalJSON(raw)
		}
	}
	return false, nil
}

func convertSlice(v any, dst reflect.Value) error {
	t := dst.Type()
	if v == nil && t.Kind() == reflect.Slice {
		dst.SetZero()
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		return misfit("list", v)
	}
	if t.Kind() == reflect.Array {
		if len(list) != t.Len() {
			return fmt.Errorf("must be a list of %d items, not %d", t.Len(), len(list))
		}
	} else {
		dst.Set(reflect.MakeSlice(t, len(list), len(list)))
	}
	for i, e := range list {
		if err := convert(e, dst.Index(i)); err != nil {
			return fmt.Errorf("item %d %w", i, err)
		}
	}
	return nil
}

func convertMap(v any, dst reflect.Value) error {
	if v == nil {
		dst.SetZero()
		return nil
	}
	m, ok := asMap(v)
	t := dst.Type()
	if !ok || t.Key().Kind() != reflect.String {
		return misfit("dict", v)
	}
	dst.Set(reflect.MakeMapWithSize(t, len(m)))
	for k, e := range m {
		ev := reflect.New(t.Elem()).Elem()
		if err := convert(e, ev); err != nil {
			return fmt.Errorf("entry %s %w", pyrepr.Repr(k), err)
		}
		dst.SetMapIndex(reflect.ValueOf(k).Convert(t.Key()), ev)
	}
	return nil
}

// convertStruct fills a struct from an object by its json tags; unknown keys are left alone, as encoding/json does.
func convertStruct(v any, dst reflect.Value) error {
	m, ok := asMap(v)
	if !ok {
		return misfit("dict", v)
	}
	t := dst.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		e, ok := m[name]
		if !ok {
			for k := range m {
				if strings.EqualFold(k, name) {
					e, ok = m[k], true
					break
				}
			}
		}
		if !ok {
			continue
		}
		if err := convert(e, dst.Field(i)); err != nil {
			return fmt.Errorf("entry %s %w", pyrepr.Repr(name), err)
		}
	}
	return nil
}

// asMap returns an object of a message as a map.
func asMap(v any) (map[string]any, bool) {
	switch m := v.(type) {
	case map[string]any:
		return m, true
	case pyrepr.Ordered:
		items := m.PyItems()
		out := make(map[string]any, len(items))
		for _, it := range items {
			out[it.Key] = it.Value
		}
		return out, true
	}
	return nil, false
}

func toInt(v any) (int64, bool) {
	switch x := v.(type) {
	case int64:
		return x, true
	case int:
		return int64(x), true
	case int32:
		return int64(x), true
	case uint64:
		return int64(x), x <= math.MaxInt64
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			return int64(x), true
		}
	case *big.Int:
		return x.Int64(), x.IsInt64()
	case json.Number:
		return toInt(pyrepr.Number(string(x)))
	}
	return 0, false
}

func toFloat(v any) (float64, bool) {
	switch x := v.(type) {
	case float64:
		return x, true
	case float32:
		return float64(x), true
	case *big.Int:
		f, _ := new(big.Float).SetInt(x).Float64()
		return f, true
	case json.Number:
		return toFloat(pyrepr.Number(string(x)))
	}
	i, ok := toInt(v)
	return float64(i), ok
}

// misfit words the wrong type of a value.
func misfit(want string, got any) error { return fmt.Errorf("must be %s, not %s", want, pyType(got)) }

// pyType names the Python type of a message value.
func pyType(v any) string {
	switch v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int, int32, int64, uint64, *big.Int:
		return "int"
	case float32, float64:
		return "float"
	case string:
		return "str"
	case []byte:
		return "bytes"
	case []any:
		return "list"
	case time.Time, kombu.DateTime:
		return "datetime"
	case kombu.Date:
		return "date"
	case kombu.TimeOfDay:
		return "time"
	case kombu.Decimal:
		return "Decimal"
	case uuid.UUID:
		return "UUID"
	}
	if _, ok := asMap(v); ok {
		return "dict"
	}
	return fmt.Sprintf("%T", v)
}
