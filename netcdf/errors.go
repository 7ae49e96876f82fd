package netcdf

import (
	"errors"

	"healpipe/netcdf/internal/hdf5"
)

var (
	// ErrFormat says that a file is neither netCDF nor HDF5.
	ErrFormat = hdf5.ErrFormat
	// ErrCorrupt says that a file contradicts its own format: a length past the end, a wrong checksum.
	ErrCorrupt = hdf5.ErrCorrupt
	// ErrUnsupported says that a file is legal but uses something that this package does not read.
	ErrUnsupported = hdf5.ErrUnsupported
	// ErrTooLarge says that something in a file needs more memory than Options.MaxMemory allows.
	ErrTooLarge = hdf5.ErrTooLarge
	// ErrNotFound says that a group, variable, dimension or attribute of that name does not exist.
	ErrNotFound = errors.New("not found")
	// ErrRange says that a value does not fit the type it is converted to.
	ErrRange = errors.New("value out of range")
	// ErrSelection says that a start, count or stride lies outside a variable's shape, or that a
	// destination has the wrong type or length.
	ErrSelection = errors.New("bad selection")
)
