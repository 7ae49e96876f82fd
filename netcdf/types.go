package netcdf

// Kind is the class of a Type. Byte to String are netCDF's atomic types with netCDF's numbers.
type Kind uint8

// The kinds and the Go type that a value of it has where the caller does not choose.
const (
	Invalid   Kind = 0
	Byte      Kind = 1  // int8
	Char      Kind = 2  // one byte of text: uint8 in Read, a string in an Attr
	Short     Kind = 3  // int16
	Int       Kind = 4  // int32
	Float     Kind = 5  // float32
	Double    Kind = 6  // float64
	UByte     Kind = 7  // uint8
	UShort    Kind = 8  // uint16
	UInt      Kind = 9  // uint32
	Int64     Kind = 10 // int64
	UInt64    Kind = 11 // uint64
	String    Kind = 12 // string
	Opaque    Kind = 13 // []byte of Type.Size bytes
	Enum      Kind = 14 // the integer of Type.Base; Type.Members has the names
	Compound  Kind = 15 // Record: one value per Type.Fields
	VLen      Kind = 16 // a slice of Type.Base's Go type
	Array     Kind = 17 // HDF5 array type: a slice of Type.Base's Go type, Type.Shape in row-major order
	Reference Kind = 18 // HDF5 object or region reference: the path of the object, as a string
	Half      Kind = 19 // HDF5 two-byte float (libnetcdf does not know it): float32
)

// Type is the external type of a variable or attribute.
type Type struct {
	Kind Kind
	Name string // of a user-defined (committed) type, else empty
	// Size is the number of bytes of one value in the file's memory layout, at least 1.
	Size    int
	Base    *Type    // Enum, VLen, Array
	Members []Member // Enum
	Fields  []Field  // Compound
	Shape   []int    // Array
}

// Member is one name of an Enum.
type Member struct {
	Name  string
	Value int64 // the bits of an UInt64 base
}

// Field is one member of a Compound.
type Field struct {
	Name string
	Type *Type
}

// Record is one value of a Compound: per field the Go value that its Kind says, a slice for Array and VLen.
type Record []any

var kindNames = [...]string{"invalid", "byte", "char", "short", "int", "float", "double", "ubyte", "ushort", "uint",
	"int64", "uint64", "string", "opaque", "enum", "compound", "vlen", "array", "reference", "half"}

// String returns netCDF's name of the kind as CDL spells it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "invalid"
}

// Numeric says whether values of the kind convert to numbers: integers, floats, Char and Enum.
func (k Kind) Numeric() bool {
	return k >= Byte && k <= UInt64 || k == Enum || k == Half
}
