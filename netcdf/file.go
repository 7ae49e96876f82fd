package netcdf

import (
	"fmt"
	"io"
	"os"
	"sync"

	"healpipe/netcdf/internal/cdf"
)

// Format is the on-disk format of a file.
type Format uint8

// The formats.
const (
	UnknownFormat  Format = iota
	CDF1                  // classic
	CDF2                  // classic with 64-bit offsets
	CDF5                  // classic with 64-bit sizes and the wider integers
	NetCDF4               // HDF5, written or readable as netCDF-4
	NetCDF4Classic        // NetCDF4 whose writer kept to the classic model
)

// String names the format as `ncdump -k` does.
func (f Format) String() string {
	switch f {
	case CDF1:
		return "classic"
	case CDF2:
		return "64-bit offset"
	case CDF5:
		return "cdf5"
	case NetCDF4:
		return "netCDF-4"
	case NetCDF4Classic:
		return "netCDF-4 classic model"
	}
	return "unknown"
}

// File is an open file. All methods are safe for concurrent use; everything that is reached from it
// (groups, dimensions, variables) lives as long as the File and must not be changed.
type File struct {
	opt    Options
	format Format
	root   *Group
	closer io.Closer
	r      io.ReaderAt

	decoders sync.Pool
}

// Open reads the structure of a netCDF file of any format: groups, dimensions, variables with type, shape
// and storage layout. Attributes, chunk indexes and values are read when they are asked for. size is the
// length of r in bytes; r must stay usable until the last read and must allow concurrent ReadAt calls. A
// nil o means defaults.
//
// Errors: ErrFormat, ErrCorrupt, ErrTooLarge, and those of r. A variable that cannot be read for itself
// (an unsupported type or layout) does not make Open fail; reading it does. See also Options.Lenient.
func Open(r io.ReaderAt, size int64, o *Options) (*File, error) {
	f := &File{r: r}
	if o != nil {
		f.opt = *o
	}
	if f.opt.MaxMemory <= 0 {
		f.opt.MaxMemory = DefaultMaxMemory
	}
	var magic [4]byte
	if n, err := r.ReadAt(magic[:], 0); n < len(magic) && err != io.EOF {
		return nil, f.wrap(err)
	}
	var err error
	if cdf.Is(magic[:]) {
		err = openClassic(f, r, size)
	} else {
		err = openHDF5(f, r, size)
	}
	if err != nil {
		return nil, f.wrap(err)
	}
	return f, nil
}

// OpenFile is Open for a file of the operating system; Close closes it.
func OpenFile(path string, o *Options) (*File, error) {
	h, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := h.Stat()
	if err != nil {
		h.Close()
		return nil, err
	}
	var opt Options
	if o != nil {
		opt = *o
	}
	if opt.Name == "" {
		opt.Name = path
	}
	f, err := Open(h, info.Size(), &opt)
	if err != nil {
		h.Close()
		return nil, err
	}
	f.closer = h
	return f, nil
}

// Close releases what OpenFile opened. It does not close a reader that was passed to Open.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Format returns the on-disk format.
func (f *File) Format() Format { return f.format }

// Root returns the root group. Classic files have no other.
func (f *File) Root() *Group { return f.root }

// Var returns the variable at an absolute or root-relative path such as "t2m" or "/forecast/t2m";
// ErrNotFound where there is none.
func (f *File) Var(path string) (*Var, error) { return f.root.Var(path) }

// wrap adds the file's name to an error.
func (f *File) wrap(err error) error {
	if err == nil {
		return nil
	}
	if f.opt.Name == "" {
		return fmt.Errorf("netcdf: %w", err)
	}
	return fmt.Errorf("netcdf: %s: %w", f.opt.Name, err)
}
