package hdf5w

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
)

// ErrInvalid marks a definition or a call that makes no file.
var ErrInvalid = errors.New("invalid netCDF-4 definition")

// Definition is what a file holds apart from the values.
type Definition struct {
	Dims  []Dim
	Attrs []Attr
	Vars  []Var
}

// Dim is a dimension of fixed length.
type Dim struct {
	Name string
	Len  int
}

// Attr is an attribute: a string, a number (a scalar) or a slice of numbers.
type Attr struct {
	Name  string
	Value any
}

// Var is a variable. Kind is one of Int8 to Int64, Uint8 to Uint64, Float32, Float64. Without Chunks it is
// contiguous and takes no filters.
type Var struct {
	Name    string
	Kind    reflect.Kind
	Dims    []int // indices into Definition.Dims
	Attrs   []Attr
	Fill    any // a number of the variable's type for the _FillValue attribute; nil: libnetcdf's default, no attribute
	Chunks  []int
	Shuffle bool
	Deflate int // level 1 to 9, 0 for none
}

// defaultFill holds libnetcdf's NC_FILL_* values.
var defaultFill = map[reflect.Kind]any{
	reflect.Int8: int8(-127), reflect.Int16: int16(-32767), reflect.Int32: int32(-2147483647), reflect.Int64: int64(-9223372036854775806),
	reflect.Uint8: uint8(255), reflect.Uint16: uint16(65535), reflect.Uint32: uint32(4294967295), reflect.Uint64: uint64(18446744073709551614),
	reflect.Float32: float32(9.9692099683868690e+36), reflect.Float64: 9.9692099683868690e+36,
}

// fill returns the fill value's bytes.
func (v *Var) fill() []byte {
	value := v.Fill
	if value == nil {
		value = defaultFill[v.Kind]
	}
	return appendLE(nil, value)
}

func (v *Var) size() int { return sizeOf(v.Kind) }

func sizeOf(k reflect.Kind) int {
	v, ok := defaultFill[k]
	if !ok {
		return 0
	}
	return binary.Size(v)
}

// appendLE appends numbers in little-endian order; check has seen that they are of a fixed size.
func appendLE(b []byte, value any) []byte {
	b, err := binary.Append(b, binary.LittleEndian, value)
	if err != nil {
		panic("hdf5w: " + err.Error()) // a bug: check let it pass
	}
	return b
}

func (d *Definition) check() error {
	seen := map[string]bool{}
	for _, dim := range d.Dims {
		if dim.Name == "" || seen[dim.Name] || dim.Len < 1 {
			return fmt.Errorf("%w: dimension %q of length %d: empty, twice or not positive", ErrInvalid, dim.Name, dim.Len)
		}
		seen[dim.Name] = true
	}
	if err := checkAttrs(d.Attrs); err != nil {
		return err
	}
	seen = map[string]bool{}
	for i := range d.Vars {
		v := &d.Vars[i]
		if v.Name == "" || seen[v.Name] {
			return fmt.Errorf("%w: variable name %q is empty or taken", ErrInvalid, v.Name)
		}
		seen[v.Name] = true
		if err := d.checkVar(v); err != nil {
			return fmt.Errorf("variable %q: %w", v.Name, err)
		}
	}
	for _, dim := range d.Dims {
		if i := d.find(dim.Name); i >= 0 && !d.coordinate(&d.Vars[i]) {
			return fmt.Errorf("%w: variable %q has a dimension's name and is not its coordinate variable", ErrInvalid, dim.Name)
		}
	}
	return nil
}

func (d *Definition) checkVar(v *Var) error {
	if v.size() == 0 {
		return fmt.Errorf("%w: no type %v", ErrInvalid, v.Kind)
	}
	if v.Fill != nil && reflect.TypeOf(v.Fill).Kind() != v.Kind {
		return fmt.Errorf("%w: fill value %T", ErrInvalid, v.Fill)
	}
	bytes := v.size()
	for _, i := range v.Dims {
		if i < 0 || i >= len(d.Dims) {
			return fmt.Errorf("%w: dimension %d of %d", ErrInvalid, i, len(d.Dims))
		}
		if bytes > math.MaxInt/2/d.Dims[i].Len {
			return fmt.Errorf("%w: too large", ErrInvalid)
		}
		bytes *= d.Dims[i].Len
	}
	if v.Deflate < 0 || v.Deflate > 9 || (v.Chunks == nil && (v.Deflate > 0 || v.Shuffle)) {
		return fmt.Errorf("%w: deflate level %d, filters need chunks", ErrInvalid, v.Deflate)
	}
	if v.Chunks != nil && (len(v.Chunks) != len(v.Dims) || len(v.Dims) == 0) {
		return fmt.Errorf("%w: %d chunk lengths for %d dimensions", ErrInvalid, len(v.Chunks), len(v.Dims))
	}
	bytes = v.size()
	for i, n := range v.Chunks {
		if n < 1 || n > d.Dims[v.Dims[i]].Len || uint64(bytes) > math.MaxUint32/uint64(n) {
			return fmt.Errorf("%w: chunk lengths %v", ErrInvalid, v.Chunks)
		}
		bytes *= n
	}
	return checkAttrs(v.Attrs)
}

func checkAttrs(attrs []Attr) error {
	seen := map[string]bool{}
	for _, a := range attrs {
		if a.Name == "" || seen[a.Name] {
			return fmt.Errorf("%w: attribute name %q is empty or taken", ErrInvalid, a.Name)
		}
		seen[a.Name] = true
		// 64 KiB is what one object header message holds.
		if text, ok := a.Value.(string); ok && len(text) <= 60_000 {
			continue
		}
		t := reflect.TypeOf(a.Value)
		if t != nil && t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t == nil || sizeOf(t.Kind()) == 0 || binary.Size(a.Value) > 60_000 || binary.Size(a.Value) < 1 {
			return fmt.Errorf("%w: attribute %q: value of type %T", ErrInvalid, a.Name, a.Value)
		}
	}
	return nil
}

// find returns the index of the named variable, or -1.
func (d *Definition) find(name string) int {
	for i := range d.Vars {
		if d.Vars[i].Name == name {
			return i
		}
	}
	return -1
}

// coordinate tells whether v is a coordinate variable: its one dimension has its name.
func (d *Definition) coordinate(v *Var) bool {
	return len(v.Dims) == 1 && d.Dims[v.Dims[0]].Name == v.Name
}
