package zarr

import (
	"context"
	"io"
)

// Store is the space of objects that a hierarchy lives in. Keys are slash-separated. A missing object is
// fs.ErrNotExist. All methods are safe for concurrent use. zarr/zarrstore makes one from a storage.Storage.
type Store interface {
	// Get returns a whole object, in buf where the store can read into it and buf has the capacity. The result is
	// the caller's, who may write to it.
	Get(ctx context.Context, key string, buf []byte) ([]byte, error)
	// Open prepares reading one version of an object by range. ctx bounds the whole life of the Object.
	Open(ctx context.Context, key string) (Object, error)
	// Put writes a whole object, in one step for readers.
	Put(ctx context.Context, key string, data []byte) error
	// Create opens a Writer that publishes key on Commit.
	Create(ctx context.Context, key string) (Writer, error)
	// Delete removes an object; a missing one is no error.
	Delete(ctx context.Context, key string) error
	// Update replaces an object by what edit makes of it, such that no other Put, Create, Delete or Update of
	// the key, by whichever process or machine, falls between reading and publishing. edit may be called
	// again, with a newer version, when another writer was faster: it must start afresh each time.
	Update(ctx context.Context, key string, edit Edit) error
	// List calls fn for every object whose key starts with prefix, in any order, and stops at fn's first error,
	// which it returns.
	List(ctx context.Context, prefix string, fn func(key string, size int64) error) error
	// String names the store for messages, without secrets.
	String() string
}

// Edit makes the new version of an object from the old one, which is nil where none exists. It writes the
// new version to w if it returns Replace. The store owns both and closes them.
type Edit func(old Object, w io.Writer) (Outcome, error)

// Outcome says what becomes of an object after an Edit.
type Outcome int

const (
	Keep    Outcome = iota // leave it as it is
	Replace                // publish what was written
	// Remove deletes the object, if it exists. A store that cannot delete one version and no other publishes
	// what was written instead, so an Edit writes the new version in this case too.
	Remove
)

// Object reads one version of one object. When it is replaced meanwhile, reads go on with the old version or
// fail with ErrChanged. ReadAt is safe for concurrent use.
type Object interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Writer receives an object of unknown length. Nothing is visible before Commit returns nil. Abort after
// Commit does nothing.
type Writer interface {
	io.Writer
	Commit() error
	Abort() error
}
