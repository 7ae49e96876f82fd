// Package storage is the one view of files and objects that the rest of healpipe uses: a flat space of
// objects named by slash-separated keys, in a local folder, an S3 bucket or memory.
//
// Guarantees, the same for every implementation (storagetest holds the conformance suite):
//
//   - An object appears whole or not at all: Put and Create publish in one step, a failed or abandoned
//     write leaves nothing behind.
//   - A Reader sees one version of its object: if the object is replaced while it is read, reads fail
//     with ErrChanged instead of mixing two versions.
//   - Conditional writes (Condition) are atomic against every other process that uses this package on
//     the same storage.
//   - Errors name the operation and the full path; a missing object is fs.ErrNotExist (errors.Is).
package storage

import (
	"context"
	"errors"
	"io"
	"time"
)

var (
	// ErrPrecondition says that a conditional write found another version than the one it named.
	ErrPrecondition = errors.New("the object was changed by another writer")
	// ErrChanged says that an object was replaced while it was being read.
	ErrChanged = errors.New("the object was replaced while it was read")
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
	// Create opens a Writer that publishes key on Commit.
	Create(ctx context.Context, key string) (Writer, error)
	// Delete removes an object; a missing one is no error.
	Delete(ctx context.Context, key string) error
	// List calls fn for every object whose key starts with prefix, in ascending byte order of the keys,
	// and stops at fn's first error, which it returns. Keys below hidden temporary names are left out.
	List(ctx context.Context, prefix string, fn func(Info) error) error
	// ListDir is List limited to the objects directly in the folder dir ("" is the root), sub-folders skipped.
	ListDir(ctx context.Context, dir string, fn func(Info) error) error
	// String names the storage for messages and logs, without secrets: a folder, or s3://bucket/prefix.
	String() string
}
