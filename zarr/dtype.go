package zarr

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

// Float16 is an IEEE 754 binary16 number as its bits.
type Float16 uint16

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
