package cdf

import (
	"fmt"
	"io"
)

// Writer writes one file front to back. Values are given in file order: each fixed variable in the order
// of definition, then record by record the slab of each record variable.
type Writer struct {
	h     Header
	w     io.Writer
	order []int // variables: the fixed ones, then those of a record
	fixed int   // how many of order are fixed
	at    int   // position in order
	rec   int64 // record being written
	left  int64 // values that the present slab still takes
	buf   []byte
	err   error
}

// NewWriter lays out the file, writes the header and returns a writer for the values. It derives the
// other fields of h, which the caller may then read and must not change.
func NewWriter(w io.Writer, h *Header) (*Writer, error) {
	if err := h.layout(); err != nil {
		return nil, fmt.Errorf("netcdf: %w", err)
	}
	f := &Writer{h: *h, w: w, buf: h.encode(make([]byte, 0, h.Size))}
	for i := range h.Vars {
		if !h.Vars[i].Record {
			f.order = append(f.order, i)
		}
	}
	f.fixed = len(f.order)
	for i := range h.Vars {
		if h.Vars[i].Record && h.NumRecs > 0 {
			f.order = append(f.order, i)
		}
	}
	f.begin()
	return f, f.flush(0)
}

// Next returns the variable and the record (0 for a fixed variable) that the next value belongs to, and how
// many values are left of its slab. The variable is -1 when the file is complete.
func (f *Writer) Next() (variable int, record, left int64) {
	if f.at == len(f.order) {
		return -1, 0, 0
	}
	return f.order[f.at], f.rec, f.left
}

// Write writes the next values, at most what [Writer.Next] has left, as the slice that the variable's type
// takes (or a string for [Char]).
func (f *Writer) Write(values any) error {
	if f.err != nil {
		return f.err
	}
	i, _, left := f.Next()
	if i < 0 {
		return f.fail(fmt.Errorf("netcdf: %w: values after the last variable", ErrInvalid))
	}
	v := &f.h.Vars[i]
	n, err := length(v.Type, values)
	if err == nil && int64(n) > left {
		err = fmt.Errorf("%w: %d values, %d are left of the slab", ErrInvalid, n, left)
	}
	if err != nil {
		return f.fail(fmt.Errorf("netcdf: variable %q: %w", v.Name, err))
	}
	step := window / v.Type.Size()
	for from := 0; from < n; from += step {
		f.buf = appendValues(f.buf, values, from, min(n, from+step))
		if err := f.flush(window / 2); err != nil {
			return err
		}
	}
	if f.left -= int64(n); f.left == 0 {
		f.end()
	}
	return nil
}

// Close writes what is buffered and fails when values are missing. It does not close the io.Writer.
func (f *Writer) Close() error {
	if err := f.flush(0); err != nil {
		return err
	}
	if i, rec, left := f.Next(); i >= 0 {
		return f.fail(fmt.Errorf("netcdf: %w: closed with %d values of variable %q, record %d, missing", ErrInvalid, left, f.h.Vars[i].Name, rec))
	}
	f.err = fmt.Errorf("netcdf: %w: the file is closed", ErrInvalid)
	return nil
}

// fail makes err the answer to every later call.
func (f *Writer) fail(err error) error {
	f.err = err
	return err
}

// flush writes the buffer when it holds more than limit bytes.
func (f *Writer) flush(limit int) error {
	if f.err != nil || len(f.buf) <= limit {
		return f.err
	}
	if _, err := f.w.Write(f.buf); err != nil {
		return f.fail(err)
	}
	f.buf = f.buf[:0]
	return nil
}

// begin sets left for the present slab.
func (f *Writer) begin() {
	if f.at < len(f.order) {
		v := &f.h.Vars[f.order[f.at]]
		f.left = v.slab / int64(v.Type.Size())
	}
}

// end pads the slab that is complete and goes on to the next one.
func (f *Writer) end() {
	v := &f.h.Vars[f.order[f.at]]
	if !v.Record || f.h.RecSize != v.slab {
		// libnetcdf fills the padding with the variable's fill value, a lone record variable has none.
		fill := v.fill()
		for n := v.VSize - v.slab; n > 0; n -= int64(len(fill)) {
			f.buf = append(f.buf, fill...)
		}
	}
	if f.at++; f.at == len(f.order) && f.at > f.fixed && f.rec+1 < f.h.NumRecs {
		f.rec++
		f.at = f.fixed
	}
	f.begin()
}

// defaultFill holds NC_FILL_*, by type.
var defaultFill = [...]any{Byte: []int8{-127}, Char: "\x00", Short: []int16{-32767}, Int: []int32{-2147483647},
	Float: []float32{9.9692099683868690e+36}, Double: []float64{9.9692099683868690e+36}, UByte: []byte{255},
	UShort: []uint16{65535}, UInt: []uint32{4294967295}, Int64: []int64{-9223372036854775806}, UInt64: []uint64{18446744073709551614}}

// fill returns the fill value in the file's byte order.
func (v *Var) fill() []byte {
	value := defaultFill[v.Type]
	if a := Find(v.Attrs, "_FillValue"); a != nil && a.Type == v.Type {
		if n, err := length(a.Type, a.Value); err == nil && n == 1 {
			value = a.Value
		}
	}
	return appendValues(nil, value, 0, 1)
}
