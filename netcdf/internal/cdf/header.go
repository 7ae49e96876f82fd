package cdf

import (
	"errors"
	"fmt"
)

var (
	// ErrNotCDF marks a file that does not start as a classic netCDF file does.
	ErrNotCDF = errors.New("not a classic netCDF file")
	// ErrCorrupt marks a file that breaks the format's rules or is shorter than its header says.
	ErrCorrupt = errors.New("corrupt classic netCDF file")
	// ErrTooLarge marks a header beyond the limit, or a definition that the chosen version cannot hold.
	ErrTooLarge = errors.New("too large")
	// ErrInvalid marks a wrong argument: a bad definition, selection or destination.
	ErrInvalid = errors.New("invalid argument")
)

// Type is an external data type, numbered as in the file.
type Type uint32

// The external types; those after Double exist in CDF-5 only.
const (
	Byte   Type = 1 + iota // int8
	Char                   // byte of text
	Short                  // int16
	Int                    // int32
	Float                  // float32
	Double                 // float64
	UByte                  // uint8
	UShort                 // uint16
	UInt                   // uint32
	Int64
	UInt64
)

var types = [...]struct {
	size int
	name string
}{{}, {1, "byte"}, {1, "char"}, {2, "short"}, {4, "int"}, {4, "float"}, {8, "double"},
	{1, "ubyte"}, {2, "ushort"}, {4, "uint"}, {8, "int64"}, {8, "uint64"}}

// Size returns the bytes of one value, 0 for an unknown type.
func (t Type) Size() int {
	if int(t) >= len(types) {
		return 0
	}
	return types[t].size
}

// String returns the type's name in CDL.
func (t Type) String() string {
	if t.Size() == 0 {
		return fmt.Sprintf("type(%d)", uint32(t))
	}
	return types[t].name
}

// Dim is a dimension. The record dimension's Len is the number of records.
type Dim struct {
	Name   string
	Len    int64
	Record bool
}

// Attr is an attribute. Value is a string for [Char] and otherwise the slice that [MakeSlice] makes.
type Attr struct {
	Name  string
	Type  Type
	Value any
}

// Var is a variable. Dims are indices into [Header.Dims]; only the first may be the record dimension.
type Var struct {
	Name  string
	Type  Type
	Dims  []int
	Attrs []Attr

	Record bool    // the first dimension is the record dimension
	Shape  []int64 // lengths of Dims
	Begin  int64   // offset of the first value
	VSize  int64   // bytes of the variable, or of one record of it, padded to 4

	slab int64 // the same without padding
}

// Header is the definition of a file. Version is 1, 2 or 5. To write, set Version, Dims (with the
// record dimension's final length), Attrs and the first four fields of each Var.
type Header struct {
	Version int
	Dims    []Dim
	Attrs   []Attr
	Vars    []Var

	RecordDim int   // index of the record dimension, -1 if there is none
	NumRecs   int64 // number of records
	RecSize   int64 // bytes from one record to the next
	Size      int64 // bytes of the header itself
	DataSize  int64 // least size of the whole file, without trailing padding
}

// maxSize bounds every offset and size, so that sums of a few of them cannot overflow.
const maxSize = 1 << 60

// mul multiplies sizes, or returns -1 beyond maxSize.
func mul(a, b int64) int64 {
	if a < 0 || b < 0 || (b != 0 && a > maxSize/b) {
		return -1
	}
	return a * b
}

func pad4(n int64) int64 { return (n + 3) &^ 3 }

// resolve derives Record, Shape, slab and VSize of every variable, RecordDim and RecSize.
func (h *Header) resolve() error {
	h.RecordDim, h.NumRecs = -1, 0
	for i, d := range h.Dims {
		if d.Len < 0 {
			return fmt.Errorf("dimension %q: negative length %d", d.Name, d.Len)
		}
		if d.Record {
			if h.RecordDim >= 0 {
				return fmt.Errorf("dimension %q: a second record dimension", d.Name)
			}
			h.RecordDim, h.NumRecs = i, d.Len
		}
	}
	h.RecSize = 0
	var lone *Var
	records := 0
	for i := range h.Vars {
		v := &h.Vars[i]
		if v.Type.Size() == 0 {
			return fmt.Errorf("variable %q: unknown %v", v.Name, v.Type)
		}
		v.Record, v.Shape, v.slab = false, make([]int64, len(v.Dims)), int64(v.Type.Size())
		for j, d := range v.Dims {
			if d < 0 || d >= len(h.Dims) {
				return fmt.Errorf("variable %q: dimension %d of %d", v.Name, d, len(h.Dims))
			}
			v.Shape[j] = h.Dims[d].Len
			if h.Dims[d].Record {
				if j > 0 {
					return fmt.Errorf("variable %q: the record dimension is not the first", v.Name)
				}
				v.Record = true
				continue
			}
			if v.slab = mul(v.slab, v.Shape[j]); v.slab < 0 {
				return fmt.Errorf("variable %q: %w: shape %v", v.Name, ErrTooLarge, v.Shape)
			}
		}
		v.VSize = pad4(v.slab)
		if v.Record {
			records++
			lone = v
			if h.RecSize += v.VSize; h.RecSize > maxSize {
				return fmt.Errorf("record: %w", ErrTooLarge)
			}
		}
	}
	if records == 1 {
		h.RecSize = lone.slab
	}
	return nil
}

// measure sets DataSize from the variables' begins.
func (h *Header) measure() error {
	h.DataSize = h.Size
	for i := range h.Vars {
		v := &h.Vars[i]
		end := v.Begin + v.slab
		if v.Record {
			if h.NumRecs == 0 {
				continue
			}
			all := mul(h.NumRecs-1, h.RecSize)
			if all < 0 {
				return fmt.Errorf("variable %q: %w: %d records of %d bytes", v.Name, ErrTooLarge, h.NumRecs, h.RecSize)
			}
			end += all
		}
		h.DataSize = max(h.DataSize, end)
	}
	return nil
}

// Len returns the number of values of the variable.
func (v *Var) Len() int64 {
	n := int64(1)
	for _, l := range v.Shape {
		n *= l
	}
	return n
}

// Find returns the named attribute, or nil.
func Find(attrs []Attr, name string) *Attr {
	for i := range attrs {
		if attrs[i].Name == name {
			return &attrs[i]
		}
	}
	return nil
}
