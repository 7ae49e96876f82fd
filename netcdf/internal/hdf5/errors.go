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

// ChecksumError is the ErrCorrupt of a structure whose checksum is wrong. With At and Want the file can be mended,
// which is how the fuzz targets get to the code behind the check.
type ChecksumError struct {
	What string
	At   uint64 // address of the checksum's four bytes
	Want uint32 // the checksum of what the file holds
}

func (e *ChecksumError) Error() string {
	return fmt.Sprintf("%s: the checksum at %#x is wrong: %v", e.What, e.At, ErrCorrupt)
}

func (e *ChecksumError) Unwrap() error { return ErrCorrupt }

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
