package zarr

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// parseFill makes one element, in the machine's byte order, of a fill value in metadata: a JSON bool or number,
// "NaN", "Infinity", "-Infinity", or "0x" with the element's bits in big-endian hexadecimal; for complex
// types a pair of them.
func parseFill(t DataType, v any) ([]byte, error) {
	e := make([]byte, t.Size())
	var ok bool
	switch t {
	case TypeBool:
		var b bool
		if b, ok = v.(bool); b {
			e[0] = 1
		}
	case TypeFloat16, TypeFloat32, TypeFloat64:
		ok = parseFloat(e, v)
	case TypeComplex64, TypeComplex128:
		if pair, isPair := v.([]any); isPair && len(pair) == 2 {
			ok = parseFloat(e[:len(e)/2], pair[0]) && parseFloat(e[len(e)/2:], pair[1])
		}
	default:
		ok = parseInt(e, t, v)
	}
	if !ok {
		return nil, fmt.Errorf("%w: fill value %s does not fit data type %s", ErrInvalid, brief(v), t)
	}
	return e, nil
}

func parseFloat(e []byte, v any) bool {
	switch v := v.(type) {
	case number:
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil {
			return false
		}
		putFloat(e, f)
		return true
	case string:
		switch v {
		case "NaN":
			putFloat(e, math.NaN())
			return true
		case "Infinity":
			putFloat(e, math.Inf(1))
			return true
		case "-Infinity":
			putFloat(e, math.Inf(-1))
			return true
		}
		if len(v) == 2+2*len(e) && v[:2] == "0x" {
			bits, err := hex.DecodeString(v[2:])
			if err != nil {
				return false
			}
			if nativeLittle {
				reverse(bits)
			}
			copy(e, bits)
			return true
		}
	}
	return false
}

// Canonical quiet NaNs, those of the metadata's "NaN".
const (
	nan16 = 0x7e00
	nan32 = 0x7fc00000
	nan64 = 0x7ff8000000000000
)

func putFloat(e []byte, f float64) {
	nan := math.IsNaN(f)
	switch len(e) {
	case 2:
		h := uint16(NewFloat16(f))
		if nan {
			h = nan16
		}
		binary.NativeEndian.PutUint16(e, h)
	case 4:
		b := math.Float32bits(float32(f))
		if nan {
			b = nan32
		}
		binary.NativeEndian.PutUint32(e, b)
	case 8:
		b := math.Float64bits(f)
		if nan {
			b = nan64
		}
		binary.NativeEndian.PutUint64(e, b)
	}
}

func parseInt(e []byte, t DataType, v any) bool {
	n, ok := v.(number)
	if !ok {
		return false
	}
	text, bits := string(n), 8*t.Size()
	if strings.ContainsAny(text, ".eE") { // "1.0" and "1e3" are integers too
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f != math.Trunc(f) {
			return false
		}
		text = strconv.FormatFloat(f, 'f', 0, 64)
	}
	var u uint64
	if t[0] == 'u' {
		x, err := strconv.ParseUint(text, 10, bits)
		if err != nil {
			return false
		}
		u = x
	} else {
		x, err := strconv.ParseInt(text, 10, bits)
		if err != nil {
			return false
		}
		u = uint64(x)
	}
	putUint(e, u)
	return true
}

func putUint(e []byte, u uint64) {
	switch len(e) {
	case 1:
		e[0] = byte(u)
	case 2:
		binary.NativeEndian.PutUint16(e, uint16(u))
	case 4:
		binary.NativeEndian.PutUint32(e, uint32(u))
	case 8:
		binary.NativeEndian.PutUint64(e, u)
	}
}

func getUint(e []byte) uint64 {
	switch len(e) {
	case 1:
		return uint64(e[0])
	case 2:
		return uint64(binary.NativeEndian.Uint16(e))
	case 4:
		return uint64(binary.NativeEndian.Uint32(e))
	default:
		return binary.NativeEndian.Uint64(e)
	}
}

// formatFill is the inverse of parseFill.
func formatFill(t DataType, e []byte) any {
	switch t {
	case TypeBool:
		return e[0] != 0
	case TypeFloat16, TypeFloat32, TypeFloat64:
		return formatFloat(e)
	case TypeComplex64, TypeComplex128:
		return []any{formatFloat(e[:len(e)/2]), formatFloat(e[len(e)/2:])}
	}
	u := getUint(e)
	if t[0] == 'u' {
		return number(strconv.FormatUint(u, 10))
	}
	shift := 64 - 8*len(e)
	return number(strconv.FormatInt(int64(u<<shift)>>shift, 10))
}

func formatFloat(e []byte) any {
	var f float64
	var canonical uint64
	bits := getUint(e)
	switch len(e) {
	case 2:
		f, canonical = Float16(bits).Float64(), nan16
	case 4:
		f, canonical = float64(math.Float32frombits(uint32(bits))), nan32
	default:
		f, canonical = math.Float64frombits(bits), nan64
	}
	if math.IsNaN(f) && bits != canonical {
		return fmt.Sprintf("0x%0*x", 2*len(e), bits)
	}
	return floatJSON(f)
}

// fillValue is the inverse of fillOf: a bool, int64, uint64 (of unsigned types), float64, string or a pair of them.
func fillValue(t DataType, e []byte) any {
	if t[0] == 'u' {
		return getUint(e)
	}
	return fromJSON(formatFill(t, e))
}

// fillOf makes a fill value of what a caller gave.
func fillOf(t DataType, v any) ([]byte, error) {
	if v == nil {
		return make([]byte, t.Size()), nil
	}
	var tree any
	switch r := reflect.ValueOf(v); {
	case r.Type() == reflect.TypeFor[Float16]():
		tree = fmt.Sprintf("0x%04x", r.Uint())
		if t != TypeFloat16 {
			tree = floatJSON(v.(Float16).Float64())
		}
	case r.Kind() == reflect.Complex64 || r.Kind() == reflect.Complex128:
		tree = []any{floatJSON(real(r.Complex())), floatJSON(imag(r.Complex()))}
	default:
		var err error
		if tree, err = toJSON(v); err != nil {
			return nil, err
		}
		switch tree.(type) {
		case number, string: // a real fill value of a complex array
			if t == TypeComplex64 || t == TypeComplex128 {
				tree = []any{tree, number("0")}
			}
		}
	}
	return parseFill(t, tree)
}
