package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"time"
)

// Outcome says what becomes of an object after an EditFunc.
type Outcome int

// The outcomes.
const (
	Keep    Outcome = iota // leave it as it is
	Replace                // publish what was written
	Remove                 // delete it, if it exists
)

// EditFunc makes the new version of an object from the old one, which is nil where none exists, by writing
// it to w. It may be called again, with a newer version, when another writer was faster: it starts afresh
// each time. It closes neither and must not write to the storage under the same key.
//
// What was written is dropped for Keep. For Remove it is a stand-in that means the same to readers as no
// object (a chunk full of fill value): S3 services that cannot delete one version and no other store it
// in place of deleting. Without a stand-in they delete at the risk of a change made in the last instant.
type EditFunc func(old Reader, w io.Writer) (Outcome, error)

// Editor is a Storage with a read-modify-write of its own, such as one under a lock.
type Editor interface {
	Edit(ctx context.Context, key string, fn EditFunc) error
}

// conditional is a Storage that can publish or remove under a condition without holding the object in memory.
type conditional interface {
	// createIf is Create whose Commit writes under the condition.
	createIf(ctx context.Context, key string, c Condition) (Writer, error)
	// deleteIf removes one version; ErrPrecondition where another is there, errors.ErrUnsupported where the
	// service cannot tell.
	deleteIf(ctx context.Context, key, etag string) error
}

// Edit replaces an object by what fn makes of it and loses no other process's change. A local folder
// holds the key's lock meanwhile; on S3 it writes under If-Match or If-None-Match and starts again, after a
// random wait, when another writer was quicker. An error of fn ends it and nothing is written.
func Edit(ctx context.Context, st Storage, key string, fn EditFunc) error {
	if e, ok := st.(Editor); ok {
		return e.Edit(ctx, key, fn)
	}
	const firstWait, longestWait = 20 * time.Millisecond, 2 * time.Second
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := editOnce(ctx, st, key, fn)
		if !errors.Is(err, ErrPrecondition) && !errors.Is(err, ErrChanged) {
			return err
		}
		select {
		case <-ctx.Done():
			return wrap("update", Join(st.String(), key), fmt.Errorf("%w (%w)", ctx.Err(), err))
		case <-time.After(wait/2 + rand.N(wait)):
		}
	}
}

// Update is Edit for small objects. fn gets the old bytes, and exists false where there is no object; it
// returns the new bytes, or del to remove the object, with the new bytes as a stand-in (see EditFunc).
func Update(ctx context.Context, st Storage, key string, fn func(old []byte, exists bool) (content []byte, del bool, err error)) error {
	return Edit(ctx, st, key, func(old Reader, w io.Writer) (Outcome, error) {
		var data []byte
		if old != nil {
			data = make([]byte, old.Info().Size)
			if n, err := old.ReadAt(data, 0); n < len(data) {
				return Keep, err
			}
		}
		content, del, err := fn(data, old != nil)
		if err != nil {
			return Keep, err
		}
		if _, err := w.Write(content); err != nil {
			return Keep, err
		}
		if del {
			return Remove, nil
		}
		return Replace, nil
	})
}

// editOnce is one optimistic round: it reads, computes, and writes only over the version that it read.
func editOnce(ctx context.Context, st Storage, key string, fn EditFunc) error {
	old, err := st.Open(ctx, key)
	var c Condition
	switch {
	case err == nil:
		defer old.Close()
		c.IfMatch = old.Info().ETag
	case errors.Is(err, fs.ErrNotExist):
		old, c.IfAbsent = nil, true // nil as an interface: Open may have returned a typed one
	default:
		return err
	}
	w := &lazyWriter{create: func() (Writer, error) { return createIf(ctx, st, key, c) }}
	defer w.abort()
	outcome, err := fn(old, w)
	switch {
	case err != nil:
		return err
	case outcome == Replace:
		return w.commit()
	case outcome == Remove && old != nil:
		return removeOnce(ctx, st, key, c.IfMatch, w)
	}
	return nil
}

// removeOnce removes the version that was read, or puts its stand-in there.
func removeOnce(ctx context.Context, st Storage, key, etag string, standIn *lazyWriter) error {
	if d, ok := st.(conditional); ok {
		if err := d.deleteIf(ctx, key, etag); !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	if standIn.wrote {
		return standIn.commit()
	}
	now, err := st.Stat(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if now.ETag != etag {
		return wrap("delete", Join(st.String(), key), ErrPrecondition)
	}
	return st.Delete(ctx, key)
}

// lazyWriter opens its Writer with the first byte, since most edits that keep or remove write nothing.
type lazyWriter struct {
	create func() (Writer, error)
	w      Writer
	wrote  bool // something was written
}

func (l *lazyWriter) open() (err error) {
	if l.w == nil {
		l.w, err = l.create()
	}
	return err
}

func (l *lazyWriter) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := l.open(); err != nil {
		return 0, err
	}
	l.wrote = true
	return l.w.Write(p)
}

func (l *lazyWriter) commit() error {
	if err := l.open(); err != nil {
		return err
	}
	_, err := l.w.Commit()
	return err
}

func (l *lazyWriter) abort() {
	if l.w != nil {
		_ = l.w.Abort()
	}
}

func createIf(ctx context.Context, st Storage, key string, c Condition) (Writer, error) {
	if cw, ok := st.(conditional); ok {
		return cw.createIf(ctx, key, c)
	}
	return &bufferedWriter{ctx: ctx, st: st, key: key, c: c}, nil
}

// bufferedWriter holds an object until it can be put in one step.
type bufferedWriter struct {
	ctx  context.Context
	st   Storage
	key  string
	c    Condition
	buf  bytes.Buffer
	done bool
}

func (w *bufferedWriter) Write(p []byte) (int, error) {
	if w.done {
		return 0, wrap("write", Join(w.st.String(), w.key), fs.ErrClosed)
	}
	return w.buf.Write(p)
}

func (w *bufferedWriter) Commit() (Info, error) {
	if w.done {
		return Info{}, wrap("write", Join(w.st.String(), w.key), fs.ErrClosed)
	}
	w.done = true
	return w.st.Put(w.ctx, w.key, w.buf.Bytes(), w.c)
}

func (w *bufferedWriter) Abort() error {
	w.done, w.buf = true, bytes.Buffer{}
	return nil
}
