package netcdf

import (
	"encoding/binary"
	"math"

	"healpipe/netcdf/internal/hdf5"
)

// elem decodes stored elements. For numbers it names the Go type that they naturally have; odd is set where
// bytes in some order are not yet that type. For everything else value decodes one element.
type elem struct {
	kind  Kind // of the Go type: Byte ... UInt64, Float, Double, Char, String, Opaque, ...
	size  int  // bytes stored
	big   bool
	odd   *hdf5.Number
	value func(b []byte) (any, error)
}

// numeric says whether elements are numbers.
func (e *elem) numeric() bool { return e.value == nil }

type number interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64
}

// decodeRow decodes len(dst) elements of S, the natural Go type, from b.
func decodeRow[S number](dst []S, b []byte, e *elem) {
	if e.odd != nil {
		decodeOdd(dst, b, e)
		return
	}
	switch d := any(dst).(type) {
	case []int8:
		for i := range d {
			d[i] = int8(b[i])
		}
	case []uint8:
		copy(d, b)
	case []int16:
		fill16(d, b, e.big)
	case []uint16:
		fill16(d, b, e.big)
	case []int32:
		fill32(d, b, e.big)
	case []uint32:
		fill32(d, b, e.big)
	case []int64:
		fill64(d, b, e.big)
	case []uint64:
		fill64(d, b, e.big)
	case []float32:
		b = b[:4*len(d)]
		if e.big {
			for i := range d {
				d[i] = math.Float32frombits(binary.BigEndian.Uint32(b[4*i:]))
			}
			return
		}
		for i := range d {
			d[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	case []float64:
		b = b[:8*len(d)]
		if e.big {
			for i := range d {
				d[i] = math.Float64frombits(binary.BigEndian.Uint64(b[8*i:]))
			}
			return
		}
		for i := range d {
			d[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		}
	}
}

func fill16[T int16 | uint16](d []T, b []byte, big bool) {
	b = b[:2*len(d)]
	for i := range d {
		if big {
			d[i] = T(binary.BigEndian.Uint16(b[2*i:]))
		} else {
			d[i] = T(binary.LittleEndian.Uint16(b[2*i:]))
		}
	}
}

func fill32[T int32 | uint32](d []T, b []byte, big bool) {
	b = b[:4*len(d)]
	for i := range d {
		if big {
			d[i] = T(binary.BigEndian.Uint32(b[4*i:]))
		} else {
			d[i] = T(binary.LittleEndian.Uint32(b[4*i:]))
		}
	}
}

func fill64[T int64 | uint64](d []T, b []byte, big bool) {
	b = b[:8*len(d)]
	for i := range d {
		if big {
			d[i] = T(binary.BigEndian.Uint64(b[8*i:]))
		} else {
			d[i] = T(binary.LittleEndian.Uint64(b[8*i:]))
		}
	}
}

// decodeOdd decodes numbers whose bits are laid out in other ways than Go's.
func decodeOdd[S number](dst []S, b []byte, e *elem) {
	for i := range dst {
		p := b[i*e.size : (i+1)*e.size]
		switch e.kind {
		case Float, Double:
			dst[i] = S(e.odd.Float64(p))
		case UByte, UShort, UInt, UInt64:
			dst[i] = S(e.odd.Uint64(p))
		default:
			dst[i] = S(e.odd.Int64(p))
		}
	}
}

// makeSlice returns a slice of n values of the Go type of elements.
func (e *elem) makeSlice(n int) any {
	switch e.kind {
	case Byte:
		return make([]int8, n)
	case UByte, Char:
		return make([]uint8, n)
	case Short:
		return make([]int16, n)
	case UShort:
		return make([]uint16, n)
	case Int:
		return make([]int32, n)
	case UInt:
		return make([]uint32, n)
	case Int64:
		return make([]int64, n)
	case UInt64:
		return make([]uint64, n)
	case Float:
		return make([]float32, n)
	case Double:
		return make([]float64, n)
	case String, Reference:
		return make([]string, n)
	case Opaque:
		return make([][]byte, n)
	case Compound:
		return make([]Record, n)
	}
	return make([]any, n)
}

// goSize returns the bytes that a value of the Go type takes in a slice.
func (e *elem) goSize() int {
	switch e.kind {
	case Byte, UByte, Char:
		return 1
	case Short, UShort:
		return 2
	case Int, UInt, Float:
		return 4
	case Int64, UInt64, Double:
		return 8
	case String, Reference:
		return 16
	}
	return 24
}

// decode decodes n elements from b into a new slice of their Go type.
func (e *elem) decode(b []byte, n int) (any, error) {
	out := e.makeSlice(n)
	s, err := newSink(out, e)
	if err != nil {
		return nil, err
	}
	_, err = s.put(0, 1, n, b)
	return out, err
}

// native returns the elem of a number of the kind as Go has it in memory, in the given order of bytes.
func native(k Kind, big bool) *elem {
	return &elem{kind: k, size: kindSize(k), big: big}
}

// kindSize returns the bytes of a value of an atomic kind, 0 for others.
func kindSize(k Kind) int {
	switch k {
	case Byte, UByte, Char:
		return 1
	case Short, UShort, Half:
		return 2
	case Int, UInt, Float:
		return 4
	case Int64, UInt64, Double:
		return 8
	}
	return 0
}
