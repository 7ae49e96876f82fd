package cdf

import (
	"encoding/binary"
	"fmt"
	"math"
)

// MakeSlice returns a slice of n zero values of the Go type of t: int8 for [Byte], byte for [Char] and
// [UByte], int16, int32, float32, float64, uint16, uint32, int64, uint64. It returns nil for other types.
func MakeSlice(t Type, n int) any {
	switch t {
	case Byte:
		return make([]int8, n)
	case Char, UByte:
		return make([]byte, n)
	case Short:
		return make([]int16, n)
	case Int:
		return make([]int32, n)
	case Float:
		return make([]float32, n)
	case Double:
		return make([]float64, n)
	case UShort:
		return make([]uint16, n)
	case UInt:
		return make([]uint32, n)
	case Int64:
		return make([]int64, n)
	case UInt64:
		return make([]uint64, n)
	}
	return nil
}

// length returns the number of values in a slice (or string) that holds type t, or an error.
func length(t Type, values any) (int, error) {
	n, ok := 0, false
	switch v := values.(type) {
	case string:
		n, ok = len(v), t == Char
	case []int8:
		n, ok = len(v), t == Byte
	case []byte:
		n, ok = len(v), t == Char || t == UByte
	case []int16:
		n, ok = len(v), t == Short
	case []int32:
		n, ok = len(v), t == Int
	case []float32:
		n, ok = len(v), t == Float
	case []float64:
		n, ok = len(v), t == Double
	case []uint16:
		n, ok = len(v), t == UShort
	case []uint32:
		n, ok = len(v), t == UInt
	case []int64:
		n, ok = len(v), t == Int64
	case []uint64:
		n, ok = len(v), t == UInt64
	}
	if !ok {
		return 0, fmt.Errorf("%w: %T does not hold %v", ErrInvalid, values, t)
	}
	return n, nil
}

// decode fills dst[at:] from big-endian bytes: value i is at b[i*step]. len(b) is what the last value
// needs: (n-1)*step + size.
func decode(dst any, at int, b []byte, size, step int) {
	n := 0
	if len(b) >= size {
		n = (len(b)-size)/step + 1
	}
	switch d := dst.(type) {
	case []int8:
		for i, d := 0, d[at:at+n]; i < len(d); i++ {
			d[i] = int8(b[i*step])
		}
	case []byte:
		if step == 1 {
			copy(d[at:at+n], b)
			return
		}
		for i, d := 0, d[at:at+n]; i < len(d); i++ {
			d[i] = b[i*step]
		}
	case []int16:
		for i, d := 0, d[at:at+n]; i < len(d); i++ {
			d[i] = int16(binary.BigEndian.Uint16(b[i*step:]))
		}
	case []uint16:
		for i, d := 0, d[at:at+n]; i < len(d); i++ {
			d[i] = binary.BigEndian.Uint16(b[i*step:])
		}
	case []int32:
		for i, d := 0, d[at:at+n]; i < len(d); i++ {
			d[i] = int32(binary.BigEndian.Uint32(b[i*step:]))
		}
	case []uint32:
		for i, d := 0, d[at:at+n]; i < len(d); i++ {
			d[i] = binary.BigEndian.Uint32(b[i*step:])
		}
	case []float32:
		for i, d := 0, d[at:at+n]; i < len(d); i++ {
			d[i] = math.Float32frombits(binary.BigEndian.Uint32(b[i*step:]))
		}
	case []float64:
		for i, d := 0, d[at:at+n]; i < len(d); i++ {
			d[i] = math.Float64frombits(binary.BigEndian.Uint64(b[i*step:]))
		}
	case []int64:
		for i, d := 0, d[at:at+n]; i < len(d); i++ {
			d[i] = int64(binary.BigEndian.Uint64(b[i*step:]))
		}
	case []uint64:
		for i, d := 0, d[at:at+n]; i < len(d); i++ {
			d[i] = binary.BigEndian.Uint64(b[i*step:])
		}
	}
}

// appendValues appends values[from:to] in big-endian order.
func appendValues(dst []byte, values any, from, to int) []byte {
	switch v := values.(type) {
	case string:
		return append(dst, v[from:to]...)
	case []byte:
		return append(dst, v[from:to]...)
	case []int8:
		for _, x := range v[from:to] {
			dst = append(dst, byte(x))
		}
	case []int16:
		for _, x := range v[from:to] {
			dst = binary.BigEndian.AppendUint16(dst, uint16(x))
		}
	case []uint16:
		for _, x := range v[from:to] {
			dst = binary.BigEndian.AppendUint16(dst, x)
		}
	case []int32:
		for _, x := range v[from:to] {
			dst = binary.BigEndian.AppendUint32(dst, uint32(x))
		}
	case []uint32:
		for _, x := range v[from:to] {
			dst = binary.BigEndian.AppendUint32(dst, x)
		}
	case []float32:
		return AppendFloat32(dst, v[from:to])
	case []float64:
		for _, x := range v[from:to] {
			dst = binary.BigEndian.AppendUint64(dst, math.Float64bits(x))
		}
	case []int64:
		for _, x := range v[from:to] {
			dst = binary.BigEndian.AppendUint64(dst, uint64(x))
		}
	case []uint64:
		for _, x := range v[from:to] {
			dst = binary.BigEndian.AppendUint64(dst, x)
		}
	}
	return dst
}

// AppendFloat32 appends the values in big-endian order; it grows dst at most once.
func AppendFloat32(dst []byte, values []float32) []byte {
	n := len(dst)
	if need := n + 4*len(values); need > cap(dst) {
		grown := make([]byte, n, max(need, 2*cap(dst)))
		copy(grown, dst)
		dst = grown
	}
	dst = dst[:n+4*len(values)]
	out := dst[n:]
	for len(values) >= 2 && len(out) >= 8 {
		// Two values per store: half the bounds checks of the plain loop.
		binary.BigEndian.PutUint64(out, uint64(math.Float32bits(values[0]))<<32|uint64(math.Float32bits(values[1])))
		values, out = values[2:], out[8:]
	}
	if len(values) == 1 && len(out) >= 4 {
		binary.BigEndian.PutUint32(out, math.Float32bits(values[0]))
	}
	return dst
}
