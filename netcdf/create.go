package netcdf

import (
	"errors"
	"io"
)

// Schema is what a file to be written holds, in order of definition.
type Schema struct {
	Dims  []Dim
	Attrs []Attr // global; Type may be nil, it then follows from Value
	Vars  []VarDef
	// Records is the length of the unlimited dimension, if there is one (its Dim.Len is not looked at).
	Records int
}

// VarDef defines a variable to be written.
type VarDef struct {
	Name  string
	Kind  Kind // a netCDF classic type; the wider integers need CDF5
	Dims  []string
	Attrs []Attr
}

// Writer writes the values of a classic file front to back, so that any io.Writer can take it: a file, a
// multipart upload. The header goes out first; then the fixed-size variables in order of definition, then
// record by record the record variables in order of definition.
type Writer struct{}

// Create writes the header of a classic file (CDF1, CDF2 or CDF5) and returns the Writer for its values.
func Create(w io.Writer, f Format, s Schema) (*Writer, error) { return nil, errors.ErrUnsupported }

// Write appends values to the variable of that name. It must be its turn; a variable (or its part of a
// record) may be written in several pieces. values is a slice of the kind's Go type, or of another numeric
// type, converted as in Var.Read. Padding is written by itself.
func (w *Writer) Write(name string, values any) error { return errors.ErrUnsupported }

// Size returns the length of the whole file in bytes, known from the start.
func (w *Writer) Size() int64 { return 0 }

// Close checks that everything was written and flushes. It does not close the underlying writer.
func (w *Writer) Close() error { return errors.ErrUnsupported }
