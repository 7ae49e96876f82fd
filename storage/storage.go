package storage

import (
	"context"
	"io"
	"time"
)

// Info describes one version of one object.
type Info struct {
	Key     string    // slash-separated, relative to the Storage's root
	Size    int64     // bytes
	ETag    string    // opaque; equal for equal versions, never empty for an existing object
	ModTime time.Time // last change
}

// Condition restricts a write. The zero value writes in any case.
type Condition struct {
	IfMatch  string // only over the version with this ETag
	IfAbsent bool   // only where no object exists
}

// Reader reads one version of one object. ReadAt is safe for concurrent use.
type Reader interface {
	io.ReaderAt
	io.Closer
	Info() Info
}

// Writer receives an object of unknown length. Nothing is visible before Commit returns nil.
// Abort after Commit does nothing, so `defer w.Abort()` is right.
type Writer interface {
	io.Writer
	Commit() (Info, error)
	Abort() error
}

// Storage is a flat space of objects. All methods are safe for concurrent use.
type Storage interface {
	// Stat returns the object's description.
	Stat(ctx context.Context, key string) (Info, error)
	// Open prepares reading by range; ctx bounds the whole life of the Reader.
	Open(ctx context.Context, key string) (Reader, error)
	// Get returns a whole object.
	Get(ctx context.Context, key string) ([]byte, Info, error)
	// GetRange returns n bytes from off, or the last n bytes where off is negative. A range that reaches
	// past the end is cut there; Info has the size of the whole object.
	GetRange(ctx context.Context, key string, off, n int64) ([]byte, Info, error)
	// Put writes a whole object. A Condition that does not hold is ErrPrecondition.
	Put(ctx context.Context, key string, data []byte, c Condition) (Info, error)
	// Create opens a Writer that publishes key on Commit; ctx bounds the whole life of the Writer.
	Create(ctx context.Context, key string) (Writer, error)
	// Delete removes an object; a missing one is no error.
	Delete(ctx context.Context, key string) error
	// List calls fn for every object whose key starts with prefix, in ascending byte order of the keys,
	// and stops at fn's first error, which it returns. Hidden temporary names are left out.
	List(ctx context.Context, prefix string, fn func(Info) error) error
	// ListDir is List limited to the objects directly in the folder dir ("" is the root), sub-folders skipped.
	ListDir(ctx context.Context, dir string, fn func(Info) error) error
	// String names the storage for messages and logs, without secrets: a folder, or s3://bucket/prefix.
	String() string
}
