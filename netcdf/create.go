package netcdf

import (
	"fmt"
	"io"
	"slices"

	"healpipe/netcdf/internal/cdf"
)

// Schema is what a file to be written holds, in order of definition.
type Schema struct {
	Dims  []Dim  // Name, Len, Unlimited; at most one is unlimited
	Attrs []Attr // global
	Vars  []VarDef
	// Records is the length of the unlimited dimension, if there is one (its Dim.Len is not looked at).
	Records int
}

// VarDef defines a variable to be written. Attributes may leave Type nil: it follows from Value, a string
// or a slice of numbers as in Attr.
type VarDef struct {
	Name  string
	Kind  Kind // Byte to Double; UByte to UInt64 need CDF5
	Dims  []string
	Attrs []Attr
}

// Writer writes the values of a classic file front to back, so that any io.Writer can take it: a file, a
// multipart upload. The header goes out first; then the fixed-size variables in order of definition, then
// record by record the record variables in order of definition. It is not safe for concurrent use.
type Writer struct {
	w   *cdf.Writer
	hdr *cdf.Header
}

// Create writes the header of a classic file (CDF1, CDF2 or CDF5), laid out as libnetcdf does, and returns
// the Writer for its values. A definition that the format cannot hold is ErrTooLarge or ErrSelection.
func Create(w io.Writer, f Format, s Schema) (*Writer, error) {
	version := map[Format]int{CDF1: 1, CDF2: 2, CDF5: 5}[f]
	if version == 0 {
		return nil, fmt.Errorf("netcdf: writing format %q: %w", f, ErrUnsupported)
	}
	h := &cdf.Header{Version: version}
	var err error
	if h.Attrs, err = cdfAttrs(s.Attrs); err != nil {
		return nil, fmt.Errorf("netcdf: global %w", err)
	}
	for _, d := range s.Dims {
		n := d.Len
		if d.Unlimited {
			n = s.Records
		}
		h.Dims = append(h.Dims, cdf.Dim{Name: d.Name, Len: int64(n), Record: d.Unlimited})
	}
	for _, v := range s.Vars {
		cv := cdf.Var{Name: v.Name, Type: cdf.Type(v.Kind)}
		for _, name := range v.Dims {
			i := slices.IndexFunc(s.Dims, func(d Dim) bool { return d.Name == name })
			if i < 0 {
				return nil, fmt.Errorf("netcdf: variable %q: dimension %q: %w", v.Name, name, ErrNotFound)
			}
			cv.Dims = append(cv.Dims, i)
		}
		if cv.Attrs, err = cdfAttrs(v.Attrs); err != nil {
			return nil, fmt.Errorf("netcdf: variable %q: %w", v.Name, err)
		}
		h.Vars = append(h.Vars, cv)
	}
	cw, err := cdf.NewWriter(w, h)
	if err != nil {
		return nil, fmt.Errorf("netcdf: %w", classicError(err))
	}
	return &Writer{cw, h}, nil
}

func cdfAttrs(attrs []Attr) ([]cdf.Attr, error) {
	var out []cdf.Attr
	for _, a := range attrs {
		ca := cdf.Attr{Name: a.Name, Value: a.Value}
		if a.Type != nil {
			ca.Type = cdf.Type(a.Type.Kind)
		} else if ca.Type = cdf.Type(kindOf(a.Value)); ca.Type == 0 {
			return nil, fmt.Errorf("attribute %q: a %T does not fit a classic file: %w", a.Name, a.Value, ErrUnsupported)
		}
		if list, ok := a.Value.([]string); ok && len(list) == 1 {
			ca.Type, ca.Value = cdf.Char, list[0]
		}
		out = append(out, ca)
	}
	return out, nil
}

// kindOf returns the Kind of an attribute value whose type was not given.
func kindOf(v any) Kind {
	switch v.(type) {
	case string, []string:
		return Char
	case []int8:
		return Byte
	case []int16:
		return Short
	case []int32:
		return Int
	case []float32:
		return Float
	case []float64:
		return Double
	case []uint8:
		return UByte
	case []uint16:
		return UShort
	case []uint32:
		return UInt
	case []int64:
		return Int64
	case []uint64:
		return UInt64
	}
	return Invalid
}

// Write appends values to the variable of that name. It must be its turn; a variable (or its part of a
// record) may be written in several pieces. values is a slice of exactly the kind's Go type, or a string
// for Char. Padding is written by itself.
func (w *Writer) Write(name string, values any) error {
	i, record, left := w.w.Next()
	if i < 0 {
		return fmt.Errorf("netcdf: %d values of %q after the end of the file: %w", valueLen(values), name, ErrSelection)
	}
	if want := w.hdr.Vars[i].Name; want != name {
		return fmt.Errorf("netcdf: %q written where %d values of %q (record %d) should be: %w", name, left, want, record, ErrSelection)
	}
	if err := w.w.Write(values); err != nil {
		return fmt.Errorf("netcdf: variable %q: %w", name, classicError(err))
	}
	return nil
}

// Close checks that everything was written and flushes. It does not close the underlying writer.
func (w *Writer) Close() error {
	if err := w.w.Close(); err != nil {
		return fmt.Errorf("netcdf: %w", classicError(err))
	}
	return nil
}
