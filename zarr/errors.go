package zarr

import "errors"

var (
	// ErrCorrupt says that stored bytes contradict their metadata, their checksum or themselves.
	ErrCorrupt = errors.New("corrupt data")
	// ErrUnsupported says that metadata asks for an extension, codec or data type that this package lacks.
	ErrUnsupported = errors.New("unsupported")
	// ErrExists says that a node is already there.
	ErrExists = errors.New("already exists")
	// ErrMismatch says that an array is not what it was expected to be.
	ErrMismatch = errors.New("differs from what is wanted")
	// ErrChanged says that an object was replaced while it was being read, several times in a row.
	ErrChanged = errors.New("replaced while it was read")
	// ErrInvalid says that a call's arguments contradict each other or the array's metadata.
	ErrInvalid = errors.New("invalid argument")
)
