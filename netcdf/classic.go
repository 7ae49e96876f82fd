package netcdf

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"healpipe/netcdf/internal/cdf"
)

// classicVar is the storage of a variable of a classic file.
type classicVar struct {
	hdr *cdf.Header
	v   *cdf.Var
}

// openClassic reads the header of a CDF-1, CDF-2 or CDF-5 file.
func openClassic(file *File, r io.ReaderAt, size int64) error {
	f, err := cdf.Open(r, size, cdf.Options{MaxHeader: file.opt.MaxMemory})
	if err != nil {
		return classicError(err)
	}
	file.format = map[int]Format{1: CDF1, 2: CDF2, 5: CDF5}[f.Version]
	root := &Group{Name: "/", Path: "/"}
	file.root = root
	for _, d := range f.Dims {
		if d.Len > math.MaxInt/2 {
			return fmt.Errorf("dimension %q of length %d: %w", d.Name, d.Len, ErrTooLarge)
		}
		root.Dims = append(root.Dims, &Dim{Name: d.Name, Len: int(d.Len), Unlimited: d.Record, Group: root, id: len(root.Dims)})
	}
	root.attrs.list = classicAttrs(f.Attrs)
	for i := range f.Vars {
		cv := &f.Vars[i]
		k := Kind(cv.Type)
		v := &Var{Name: cv.Name, Path: "/" + cv.Name, Group: root, Type: &Type{Kind: k, Size: cv.Type.Size()}, file: file,
			elem: native(k, true), back: &classicVar{&f.Header, cv}, Shape: []int{}}
		for _, id := range cv.Dims {
			v.Dims = append(v.Dims, root.Dims[id])
			v.Shape = append(v.Shape, root.Dims[id].Len)
		}
		v.attrs.list = classicAttrs(cv.Attrs)
		root.Vars = append(root.Vars, v)
	}
	return nil
}

func (c *classicVar) chunks(v *Var) (*Chunks, error) {
	if c.v.Record {
		return newRecords(v, c.v.Begin, c.hdr.RecSize)
	}
	return newLinear(v, v.Shape, c.v.Begin)
}

func (c *classicVar) fill(v *Var) ([]byte, error) {
	for _, a := range v.attrs.list {
		if a.Name == "_FillValue" && a.Type.Kind == v.Type.Kind && a.Len() == 1 {
			return encode(nil, a.Value)
		}
	}
	return encode(nil, defaultFill(v.Type.Kind))
}

func classicAttrs(attrs []cdf.Attr) []Attr {
	out := make([]Attr, len(attrs))
	for i, a := range attrs {
		out[i] = Attr{Name: a.Name, Type: &Type{Kind: Kind(a.Type), Size: a.Type.Size()}, Value: a.Value}
	}
	return out
}

// classicError turns the errors of package cdf into this package's.
func classicError(err error) error {
	for _, m := range []struct{ from, to error }{
		{cdf.ErrNotCDF, ErrFormat}, {cdf.ErrCorrupt, ErrCorrupt}, {cdf.ErrTooLarge, ErrTooLarge}, {cdf.ErrInvalid, ErrSelection},
	} {
		if errors.Is(err, m.from) {
			return &renamed{err, m.to}
		}
	}
	return err
}

// renamed is an error of package cdf that is also one of ours. Its text loses the package's name, which the
// caller puts in front.
type renamed struct{ err, as error }

func (r *renamed) Error() string   { return strings.TrimPrefix(r.err.Error(), "netcdf: ") }
func (r *renamed) Unwrap() []error { return []error{r.err, r.as} }
