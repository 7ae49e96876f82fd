package storage

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

var (
	// ErrPrecondition says that a conditional write found another version than the one it named.
	ErrPrecondition = errors.New("the object was changed by another writer")
	// ErrChanged says that an object was replaced while it was being read.
	ErrChanged = errors.New("the object was replaced while it was read")
	// ErrDiskFull says that the disk or the quota has no room for what was written.
	ErrDiskFull = errors.New("no space left: free some, raise the quota, or write elsewhere")
	// ErrInvalidKey says that a key is empty, absolute, has empty, "." or ".." parts, or a reserved name.
	ErrInvalidKey = errors.New("not a valid key")
)

// Error is a failed operation on one object or one storage.
type Error struct {
	Op   string // "read", "write", "list", ...
	Path string // the full path, as the storage's String and the key make it
	Err  error
}

func (e *Error) Error() string { return e.Op + " " + e.Path + ": " + e.Err.Error() }

// Unwrap gives errors.Is and errors.As the cause.
func (e *Error) Unwrap() error { return e.Err }

// wrap makes err an *Error for the given operation; nil stays nil. The operating system's own wrapping,
// which would repeat the path, is taken off.
func wrap(op, path string, err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	var linkErr *os.LinkError
	if errors.As(err, &linkErr) {
		err = linkErr.Err
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = ErrDiskFull
	}
	return &Error{Op: op, Path: path, Err: err}
}

// checkKey refuses keys that would leave the storage's root or collide with temporary names.
func checkKey(key string) error {
	if key == "" || strings.ContainsRune(key, 0) {
		return ErrInvalidKey
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part == "." || part == ".." || hidden(part) {
			return ErrInvalidKey
		}
	}
	return nil
}
