package netcdf

import "context"

// DefaultMaxMemory is the limit on memory where Options.MaxMemory is zero: 1 GiB.
const DefaultMaxMemory = 1 << 30

// Options are the settings of Open. The zero value works.
type Options struct {
	// Name stands for the file in errors: a path or an address. OpenFile fills it in.
	Name string
	// MaxMemory limits, in bytes, the metadata that is kept for the file and, apart from that, every
	// single buffer that is sized by the file's contents (a chunk as stored or decoded, an attribute's
	// value). What needs more is ErrTooLarge. 0 means DefaultMaxMemory. Slices that the caller passes are
	// not counted.
	MaxMemory int64
	// Lenient opens files of which one or the other object is broken or needs something unsupported already in its
	// header or attributes: it becomes a variable whose reading says so. Otherwise Open fails, as libnetcdf does,
	// so that no variable goes missing unnoticed.
	Lenient bool
	// Parallel runs fn(0) to fn(n-1), on as many goroutines as it likes, and returns the first error or
	// that of ctx. Var.Read decodes chunks through it. Nil means one after the other.
	Parallel func(ctx context.Context, n int, fn func(i int) error) error
}
