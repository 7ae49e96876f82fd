package zarr

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"unsafe"
)

// DataType is a data type's name in Zarr version 3 metadata.
type DataType string

// The data types of this package.
const (
	TypeBool       DataType = "bool"
	TypeInt8       DataType = "int8"
	TypeInt16      DataType = "int16"
	TypeInt32      DataType = "int32"
	TypeInt64      DataType = "int64"
	TypeUint8      DataType = "uint8"
	TypeUint16     DataType = "uint16"
	TypeUint32     DataType = "uint32"
	TypeUint64     DataType = "uint64"
	TypeFloat16    DataType = "float16"
	TypeFloat32    DataType = "float32"
	TypeFloat64    DataType = "float64"
	TypeComplex64  DataType = "complex64"
	TypeComplex128 DataType = "complex128"
)

// Element is the set of Go types that values are read into and written from. Float16 stands for float16.
type Element interface {
	~bool | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64 |
		~float32 | ~float64 | ~complex64 | ~complex128
}

// Size returns the bytes of one element, 0 for a type that this package does not know.
func (t DataType) Size() int {
	switch t {
	case TypeBool, TypeInt8, TypeUint8:
		return 1
	case TypeInt16, TypeUint16, TypeFloat16:
		return 2
	case TypeInt32, TypeUint32, TypeFloat32:
		return 4
	case TypeInt64, TypeUint64, TypeFloat64, TypeComplex64:
		return 8
	case TypeComplex128:
		return 16
	}
	return 0
}

// wordSize is the unit whose bytes an endianness orders: half an element for complex types.
func (t DataType) wordSize() int {
	if t == TypeComplex64 || t == TypeComplex128 {
		return t.Size() / 2
	}
	return t.Size()
}

// TypeOf returns the data type whose values are Go's T.
func TypeOf[T Element]() DataType {
	t := reflect.TypeFor[T]()
	if t == reflect.TypeFor[Float16]() {
		return TypeFloat16
	}
	return DataType(t.Kind().String()) // Go and Zarr give them the same names
}

// asBytes views values as bytes in the machine's order.
func asBytes[T Element](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(s[0])))
}

// fromBytes views bytes as values; b must be aligned for T, as alloc and asBytes make it.
func fromBytes[T Element](b []byte) []T {
	var zero T
	n := len(b) / int(unsafe.Sizeof(zero))
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// alloc returns n bytes that are aligned for every Element, never nil.
func alloc(n int) []byte {
	words := make([]uint64, n/8+1)
	return asBytes(words)[:n:n]
}

var nativeLittle = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

func reverse(b []byte) {
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
}

// Float16 is an IEEE 754 binary16 number as its bits: sign 1, exponent 5 (bias 15), fraction 10.
type Float16 uint16

// NewFloat16 rounds f to the nearest Float16, ties to even; what is too large becomes infinite.
func NewFloat16(f float64) Float16 {
	b := math.Float64bits(f)
	sign := Float16(b>>48) & 0x8000
	switch a := math.Abs(f); {
	case a != a:
		return sign | nan16 | Float16(b>>42)&0x1ff
	case a >= 65520: // halfway between the largest number, 65504, and 65536
		return sign | 0x7c00
	case a < 0x1p-14: // subnormal, in steps of 2^-24; rounding up to 2^-14 gives the right bits too
		return sign | Float16(math.RoundToEven(a*0x1p24))
	default:
		frac, exp := math.Frexp(a) // a = frac * 2^exp, frac in [0.5, 1)
		m := math.RoundToEven(frac * 0x1p11)
		return sign | Float16((exp+13)<<10+int(m)) // m has the implicit bit 2^10, which counts into the exponent
	}
}

// Float64 returns the number, exactly.
func (h Float16) Float64() float64 {
	exp, frac := int(h>>10&0x1f), float64(h&0x3ff)
	var f float64
	switch exp {
	case 0:
		f = math.Ldexp(frac, -24)
	case 0x1f:
		if f = math.Inf(1); frac != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(frac+0x400, exp-25)
	}
	if h&0x8000 != 0 {
		f = math.Copysign(f, -1)
	}
	return f
}

// Float32 returns the number, exactly.
func (h Float16) Float32() float32 { return float32(h.Float64()) }

// checkType says whether values of T fit the array.
func checkType[T Element](a *Array) error {
	if t := TypeOf[T](); t != a.meta.dtype {
		return fmt.Errorf("zarr: %s: %w: the data type is %s, the buffer's %s", a.name(), ErrInvalid, a.meta.dtype, t)
	}
	return nil
}
