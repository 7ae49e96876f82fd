package hdf5

import (
	"errors"
	"fmt"

	"healpipe/internal/blosc"
	"healpipe/internal/codec"
	"healpipe/internal/zstd"
)

var (
	// ErrFormat says that the bytes are no HDF5 file.
	ErrFormat = errors.New("not a netCDF file")
	// ErrCorrupt says that a file contradicts its own format.
	ErrCorrupt = errors.New("corrupt file")
	// ErrUnsupported says that a file uses something that this package does not read.
	ErrUnsupported = errors.New("unsupported feature")
	// ErrTooLarge says that something needs more memory than Config.MaxMemory.
	ErrTooLarge = errors.New("more than the memory limit")
)

// corrupt is an ErrCorrupt that names a structure and its address.
func corrupt(what string, addr uint64, format string, args ...any) error {
	return fmt.Errorf("%s at %#x: %s: %w", what, addr, fmt.Sprintf(format, args...), ErrCorrupt)
}

// unsupported is an ErrUnsupported that names the feature.
func unsupported(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrUnsupported)
}

// asCorrupt turns the codecs' own errors into this package's.
func asCorrupt(err error) error {
	switch {
	case errors.Is(err, blosc.ErrUnsupported):
		return fmt.Errorf("%w (%w)", ErrUnsupported, err)
	case errors.Is(err, codec.ErrCorrupt), errors.Is(err, codec.ErrTooLarge), errors.Is(err, blosc.ErrCorrupt), errors.Is(err, zstd.ErrCorrupt):
		return fmt.Errorf("%w (%w)", ErrCorrupt, err)
	}
	return err
}
