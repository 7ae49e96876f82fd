package storage

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"time"
)

// UpdateFunc makes the new content of an object from the old one. exists is false, and old nil, where there
// is no object yet. It returns the new content, or del to remove the object; with del and a non-nil
// content, a storage that cannot remove one version conditionally stores that content in place of removing.
// It may be called several times and must not write to the storage under the same key.
type UpdateFunc func(old []byte, exists bool) (content []byte, del bool, err error)

// Updater is a Storage with a read-modify-write of its own, such as one under a lock.
type Updater interface {
	Update(ctx context.Context, key string, fn UpdateFunc) error
}

// conditionalDeleter is a Storage that can remove one version of an object and no other.
type conditionalDeleter interface {
	deleteIf(ctx context.Context, key, etag string) error
}

// Update replaces an object by what fn makes of it and loses no other process's change. A local folder
// holds the key's lock meanwhile; on S3 it writes under If-Match or If-None-Match and starts again, after a
// random wait, when another writer was quicker. An error of fn ends it and nothing is written.
func Update(ctx context.Context, st Storage, key string, fn UpdateFunc) error {
	if u, ok := st.(Updater); ok {
		return u.Update(ctx, key, fn)
	}
	return updateLoop(ctx, st, key, fn)
}

// updateLoop is optimistic: every round reads, computes, and writes only over the version that it read.
func updateLoop(ctx context.Context, st Storage, key string, fn UpdateFunc) error {
	const firstWait, longestWait = 20 * time.Millisecond, 2 * time.Second
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := updateOnce(ctx, st, key, fn)
		if !errors.Is(err, ErrPrecondition) && !errors.Is(err, ErrChanged) {
			return err
		}
		select {
		case <-ctx.Done():
			return wrap("update", Join(st.String(), key), errors.Join(ctx.Err(), err))
		case <-time.After(wait/2 + rand.N(wait)):
		}
	}
}

func updateOnce(ctx context.Context, st Storage, key string, fn UpdateFunc) error {
	old, info, err := st.Get(ctx, key)
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	content, del, err := fn(old, exists)
	if err != nil {
		return err
	}
	condition := Condition{IfMatch: info.ETag, IfAbsent: !exists}
	if !del {
		_, err = st.Put(ctx, key, content, condition)
		return err
	}
	if !exists {
		return nil
	}
	if d, ok := st.(conditionalDeleter); ok {
		return d.deleteIf(ctx, key, info.ETag)
	}
	if content != nil {
		_, err = st.Put(ctx, key, content, condition)
		return err
	}
	return st.Delete(ctx, key)
}
