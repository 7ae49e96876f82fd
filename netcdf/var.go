package netcdf

import (
	"context"
	"fmt"
	"sync"
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
	elem  *elem
	back  backend
	err   error // why values cannot be read

	chunkOnce sync.Once
	chunks    *Chunks
	chunksErr error
}

// backend is what the formats do for a variable.
type backend interface {
	// chunks reads where values are stored.
	chunks(v *Var) (*Chunks, error)
	// fill returns one element, as stored, that unwritten cells have.
	fill(v *Var) ([]byte, error)
}

// wrap adds the names of file and variable to an error.
func (v *Var) wrap(err error) error {
	if err == nil {
		return nil
	}
	return v.file.wrap(fmt.Errorf("%s: %w", v.Path, err))
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

// FillValue returns the value that unwritten cells have, in the Go type of the variable's Kind: in netCDF-4
// files that of the HDF5 fill value message (which _FillValue sets), else zero; in classic files _FillValue,
// else netCDF's default. Whether a stored value is to be taken as missing is another matter: see Packing.
func (v *Var) FillValue() (any, error) {
	if v.err != nil {
		return nil, v.wrap(v.err)
	}
	b, err := v.back.fill(v)
	if err != nil {
		return nil, v.wrap(err)
	}
	if v.elem.numeric() {
		x, err := v.elem.scalar(b)
		return x, v.wrap(err)
	}
	x, err := v.elem.value(b)
	return x, v.wrap(err)
}

// Values reads a whole variable into a new slice of the Go type of its Kind.
func (v *Var) Values(ctx context.Context) (any, error) {
	if v.err != nil {
		return nil, v.wrap(v.err)
	}
	if err := v.fits(v.elem.goSize()); err != nil {
		return nil, err
	}
	out := v.elem.makeSlice(v.Len())
	return out, v.Read(ctx, out, nil, nil, nil)
}

// fits checks that the whole variable at so many bytes a value is within the memory limit.
func (v *Var) fits(size int) error {
	if n := int64(v.Len()); n > v.file.opt.MaxMemory/int64(size) {
		return v.wrap(fmt.Errorf("%d values of %d bytes (limit %d): %w", n, size, v.file.opt.MaxMemory, ErrTooLarge))
	}
	return nil
}

// product returns the product of lengths that are known to fit.
func product(n []int) int {
	p := 1
	for _, k := range n {
		p *= k
	}
	return p
}
