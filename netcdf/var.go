package netcdf

import (
	"context"
	"errors"
)

// Var is a variable.
type Var struct {
	Name  string
	Path  string // absolute
	Group *Group
	Type  *Type
	Dims  []*Dim
	Shape []int // lengths of Dims; empty for a scalar
	// ChunkShape is the shape of the chunks that the file stores; nil for contiguous, compact and classic
	// layouts. See Chunks for a view that all layouts share.
	ChunkShape []int
	// Filters names the filters that values pass through when written, in that order: "shuffle", "deflate".
	Filters []string

	file  *File
	attrs attrSet
}

// Attrs returns the variable's attributes in order of definition, without those that only carry the
// netCDF-4 dimension scales (as libnetcdf does).
func (v *Var) Attrs() ([]Attr, error) { return v.attrs.all() }

// Attr returns one attribute, ErrNotFound where there is none of that name.
func (v *Var) Attr(name string) (Attr, error) { return v.attrs.get(name) }

// Text returns a text attribute, "" where there is none or it is not text.
func (v *Var) Text(name string) string {
	a, err := v.Attr(name)
	if err != nil {
		return ""
	}
	s, _ := a.Text()
	return s
}

// Len returns the number of values: the product of Shape.
func (v *Var) Len() int { return product(v.Shape) }

// FillValue returns the value that unwritten cells have, in the Go type of the variable's Kind: that of
// _FillValue, else of the HDF5 fill value message, else netCDF's default; nil for user-defined types
// without one. Whether a stored value is to be taken as missing is another matter: see Packing.
func (v *Var) FillValue() (any, error) { return nil, errors.ErrUnsupported }

// Read reads the cells start, start+stride, ... of each dimension, count of them, in row-major order, into
// dst, a slice of exactly product(count) values. Nil start means zeros, nil stride ones, nil count all
// that is left.
//
// dst may be of any numeric type for a numeric variable (Kind.Numeric). Conversions follow libnetcdf: a
// float becomes an integer by truncation, an integer the nearest float; a value that does not fit its new
// type is set to zero (a float64 too large for float32 to infinity, a NaN to zero in an integer), the rest
// of the selection is still read, and the error is ErrRange. Char also reads into []string as one string
// per value. Other kinds read into a slice of the Go type that Kind names ([]string, [][]byte, []Record)
// or into []any.
//
// Several goroutines may read at once, also from the same variable. Chunks are decoded one at a time
// unless Options.Parallel is set, and memory beyond dst is that of one chunk per concurrent decoder.
func (v *Var) Read(ctx context.Context, dst any, start, count, stride []int) error {
	return v.file.wrap(errors.ErrUnsupported)
}

// ReadAll reads a whole variable into a new slice of T. It is ErrTooLarge where that needs more than
// Options.MaxMemory.
func ReadAll[T any](ctx context.Context, v *Var) ([]T, error) {
	return nil, v.file.wrap(errors.ErrUnsupported)
}

// Values reads a whole variable into a new slice of the Go type of its Kind.
func (v *Var) Values(ctx context.Context) (any, error) { return nil, v.file.wrap(errors.ErrUnsupported) }

func product(n []int) int {
	p := 1
	for _, k := range n {
		p *= k
	}
	return p
}
