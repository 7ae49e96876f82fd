package curate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"healpipe/netcdf"
	"healpipe/storage"
)

// ErrInput says that a file is not what the store takes.
var ErrInput = errors.New("unfit for the store")

// input is an open regridded file.
type input struct {
	path string // for messages
	r    io.ReaderAt
	size int64
	nc   *netcdf.File
	done func() error // closes r
}

func openInput(ctx context.Context, in storage.Storage, key string) (*input, error) {
	r, err := in.Open(ctx, key)
	if err != nil {
		return nil, err // it names the path
	}
	return newInput(storage.Join(in.String(), key), r, r.Info().Size, r.Close)
}

// newInput opens a file of size bytes in r; done, which closes r, is called in any case.
func newInput(path string, r io.ReaderAt, size int64, done func() error) (*input, error) {
	nc, err := netcdf.Open(r, size, &netcdf.Options{Name: path})
	if err != nil {
		_ = done()
		return nil, err
	}
	return &input{path, r, size, nc, done}, nil
}

func (f *input) close() { _ = f.done() }

// wrap names the file in an error that does not do so itself.
func (f *input) wrap(err error) error {
	if err == nil || strings.Contains(err.Error(), f.path) {
		return err
	}
	return fmt.Errorf("%s: %w", f.path, err)
}

// coordinate returns the coordinate variable of a dimension, nil if it has none.
func (f *input) coordinate(d *netcdf.Dim) *netcdf.Var {
	v, err := f.nc.Var("/" + d.Name)
	if err != nil || len(v.Dims) != 1 || v.Dims[0] != d {
		return nil
	}
	return v
}

// isTime says whether a dimension is the time.
func (f *input) isTime(d *netcdf.Dim) bool {
	if d.Name == timeName {
		return true
	}
	c := f.coordinate(d)
	return c != nil && c.Text("standard_name") == "time"
}

// field is a variable of the file that goes into the store.
type field struct {
	v       *netcdf.Var
	name    string // short_name: the array
	steps   []int  // on the store's axis, for each record of the file
	missing netcdf.Packing
	// bigEndian says that the file has its values as big-endian floats without filters.
	bigEndian bool
}

// fields returns the variables with a time dimension and a non-empty short_name, with the place of every
// record on the axis, in the order of the file.
func (f *input) fields(ctx context.Context, axis Axis) ([]field, error) {
	var found []field
	var unnamed []string
	for _, v := range f.nc.Root().Vars {
		if f.timeDim(v) < 0 || len(v.Dims) < 2 {
			continue
		}
		name := v.Text("short_name")
		if name == "" {
			unnamed = append(unnamed, v.Name)
			continue
		}
		if f.timeDim(v) != 0 {
			return nil, fmt.Errorf("%w: the first dimension of %s is %s, not the time", ErrInput, v.Name, v.Dims[0].Name)
		}
		steps, err := f.steps(ctx, v.Dims[0], axis)
		if err != nil {
			return nil, err
		}
		p, err := v.Packing()
		if err != nil {
			return nil, err
		}
		found = append(found, field{v, name, steps, p, f.classic() && v.Type.Kind == netcdf.Float && !p.Packed()})
	}
	switch {
	case len(found) > 0:
		return found, nil
	case len(unnamed) > 0:
		return nil, fmt.Errorf("%w: no attribute short_name, which names the array, on %s", ErrInput, strings.Join(unnamed, ", "))
	}
	return nil, fmt.Errorf("%w: no variable with the dimensions time and cells", ErrInput)
}

// classic says that the file is one of the classic formats.
func (f *input) classic() bool {
	switch f.nc.Format() {
	case netcdf.CDF1, netcdf.CDF2, netcdf.CDF5:
		return true
	}
	return false
}

func (f *input) timeDim(v *netcdf.Var) int {
	for i, d := range v.Dims {
		if f.isTime(d) {
			return i
		}
	}
	return -1
}

// steps places the time coordinate on the axis.
func (f *input) steps(ctx context.Context, d *netcdf.Dim, axis Axis) ([]int, error) {
	c := f.coordinate(d)
	if c == nil {
		return nil, fmt.Errorf("%w: the dimension %s has no coordinate variable", ErrInput, d.Name)
	}
	if d.Len == 0 {
		return nil, fmt.Errorf("%w: it holds no time step", ErrInput)
	}
	u, err := parseUnits(c.Text("units"), c.Text("calendar"))
	if err != nil {
		return nil, err
	}
	p, err := c.Packing()
	if err != nil {
		return nil, err
	}
	values := make([]float64, d.Len)
	if err := c.Read(ctx, values, nil, nil, nil); err != nil {
		return nil, err
	}
	steps := make([]int, len(values))
	record := make(map[int]int, len(values)) // of each step
	for i, value := range values {
		for _, m := range p.Missing {
			if value == m {
				return nil, fmt.Errorf("%w: the time of record %d is missing", ErrTime, i)
			}
		}
		t, err := u.decode(value*p.Scale + p.Offset)
		if err != nil {
			return nil, err
		}
		if steps[i], err = axis.Index(t); err != nil {
			return nil, err
		}
		if before, twice := record[steps[i]]; twice {
			return nil, fmt.Errorf("%w: %s is the time of record %d and of record %d", ErrTime, showTime(t), before, i)
		}
		record[steps[i]] = i
	}
	return steps, nil
}

// complete checks that all chunks of a variable lie within the file: a truncated one must not be found out
// halfway through the writing.
func (f *input) complete(ctx context.Context, v *netcdf.Var) error {
	ch, err := v.Chunks(ctx)
	if err != nil {
		return err
	}
	for c := range ch.All() {
		if c.Stored && c.Pos >= 0 && c.Pos+c.Size > f.size {
			return fmt.Errorf("%w: the file is truncated: it has %d bytes, and %s needs %d; make it anew with `healpipe regrid`", netcdf.ErrCorrupt, f.size, v.Name, c.Pos+c.Size)
		}
	}
	return nil
}
