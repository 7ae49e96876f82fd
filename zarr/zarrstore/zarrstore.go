// Package zarrstore lets package zarr work in a storage.Storage: a local folder, an S3 bucket or memory.
package zarrstore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"healpipe/storage"
	"healpipe/zarr"
)

// New returns st as a zarr.Store.
func New(st storage.Storage) zarr.Store { return store{st} }

type store struct{ st storage.Storage }

func (s store) String() string { return s.st.String() }

// Get reads local files into buf; elsewhere one request is worth more than a buffer.
func (s store) Get(ctx context.Context, key string, buf []byte) ([]byte, error) {
	if _, local := s.st.(*storage.Local); !local || cap(buf) == 0 {
		data, _, err := s.st.Get(ctx, key)
		return data, err
	}
	o, err := s.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	if size := o.Size(); size <= int64(cap(buf)) {
		buf = buf[:size]
	} else {
		buf = make([]byte, size)
	}
	if n, err := o.ReadAt(buf, 0); n < len(buf) {
		return nil, fmt.Errorf("%s of %s: %d of %d bytes: %w", key, s, n, len(buf), err)
	}
	return buf, nil
}

func (s store) Open(ctx context.Context, key string) (zarr.Object, error) {
	r, err := s.st.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	return object{r}, nil
}

func (s store) Put(ctx context.Context, key string, data []byte) error {
	_, err := s.st.Put(ctx, key, data, storage.Condition{})
	return err
}

func (s store) Create(ctx context.Context, key string) (zarr.Writer, error) {
	w, err := s.st.Create(ctx, key)
	if err != nil {
		return nil, err
	}
	return writer{w}, nil
}

func (s store) Delete(ctx context.Context, key string) error { return s.st.Delete(ctx, key) }

func (s store) Update(ctx context.Context, key string, edit zarr.Edit) error {
	return storage.Edit(ctx, s.st, key, func(old storage.Reader, w io.Writer) (storage.Outcome, error) {
		var was zarr.Object
		if old != nil {
			was = object{old}
		}
		outcome, err := edit(was, w)
		switch outcome {
		case zarr.Replace:
			return storage.Replace, err
		case zarr.Remove:
			return storage.Remove, err
		}
		return storage.Keep, err
	})
}

func (s store) List(ctx context.Context, prefix string, fn func(key string, size int64) error) error {
	return s.st.List(ctx, prefix, func(i storage.Info) error { return fn(i.Key, i.Size) })
}

type object struct{ r storage.Reader }

func (o object) Size() int64  { return o.r.Info().Size }
func (o object) Close() error { return o.r.Close() }

func (o object) ReadAt(p []byte, off int64) (int, error) {
	n, err := o.r.ReadAt(p, off)
	if errors.Is(err, storage.ErrChanged) {
		err = fmt.Errorf("%w: %w", zarr.ErrChanged, err)
	}
	return n, err
}

type writer struct{ w storage.Writer }

func (w writer) Write(p []byte) (int, error) { return w.w.Write(p) }
func (w writer) Abort() error                { return w.w.Abort() }
func (w writer) Commit() error {
	_, err := w.w.Commit()
	return err
}
