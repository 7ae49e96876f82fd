// Package zarrstore lets package zarr work in a storage.Storage: a local folder, an S3 bucket or memory.
package zarrstore

import (
	"context"
	"io"

	"healpipe/storage"
	"healpipe/zarr"
)

// New returns st as a zarr.Store.
func New(st storage.Storage) zarr.Store { return store{st} }

type store struct{ st storage.Storage }

func (s store) String() string { return s.st.String() }

func (s store) Get(ctx context.Context, key string) ([]byte, error) {
	data, _, err := s.st.Get(ctx, key)
	return data, err
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

type object struct{ storage.Reader }

func (o object) Size() int64 { return o.Info().Size }

type writer struct{ w storage.Writer }

func (w writer) Write(p []byte) (int, error) { return w.w.Write(p) }
func (w writer) Abort() error                { return w.w.Abort() }
func (w writer) Commit() error {
	_, err := w.w.Commit()
	return err
}
