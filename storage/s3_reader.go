package storage

import (
	"context"
	"io"
	"io/fs"
	"os"
	"sync"
)

// Open implements Storage. Small reads are answered from blocks that are kept, since a file's headers are
// read piece by piece; larger ones are requests of their own. Where the server knows no ranges, the first
// read away from the object's beginning copies the object into an unnamed temporary file.
func (s *S3) Open(ctx context.Context, key string) (Reader, error) {
	info, err := s.stat(ctx, "open", key)
	if err != nil {
		return nil, err
	}
	return &s3Reader{ctx: ctx, s: s, info: info}, nil
}

type s3Reader struct {
	ctx  context.Context
	s    *S3
	info Info

	cache blockCache // for small reads

	mu   sync.Mutex
	copy *os.File // the whole object, from a server without ranges
}

func (r *s3Reader) Info() Info { return r.info }

func (r *s3Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.copy == nil {
		return nil
	}
	f := r.copy
	r.copy = nil
	return f.Close()
}

func (r *s3Reader) ReadAt(p []byte, off int64) (int, error) {
	path := r.s.path(r.info.Key)
	if err := r.ctx.Err(); err != nil {
		return 0, wrap("read", path, err)
	}
	if off < 0 {
		return 0, wrap("read", path, fs.ErrInvalid)
	}
	off, n := cutRange(off, int64(len(p)), r.info.Size)
	var short error
	if n < int64(len(p)) {
		short = io.EOF
	}
	if n == 0 {
		return 0, short
	}
	if f := r.whole(); f != nil {
		return f.ReadAt(p, off)
	}
	if n <= smallRead {
		got, err := r.cache.read(p[:n], off, r.info.Size, func(off, n int64) ([]byte, error) { return r.fetch(off, n, nil) })
		if err != nil {
			return got, err
		}
		return got, short
	}
	data, err := r.fetch(off, n, p[:0])
	if err != nil {
		return len(data), err
	}
	return len(data), short
}

// fetch appends n bytes from off, all within the object, to dst.
func (r *s3Reader) fetch(off, n int64, dst []byte) ([]byte, error) {
	path := r.s.path(r.info.Key)
	dst, b, err := r.s.fetch(r.ctx, r.info.Key, r.info.ETag, off, n, dst)
	if err != nil {
		return dst, wrap("read", path, readError(r.ctx, err))
	}
	if b.size != r.info.Size {
		return nil, wrap("read", path, ErrChanged)
	}
	if b.off != off {
		if err := r.download(); err != nil {
			return nil, wrap("read", path, err)
		}
	}
	return dst, nil
}

func (r *s3Reader) whole() *os.File {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.copy
}

// download copies the whole object to the disk.
func (r *s3Reader) download() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.copy != nil {
		return nil
	}
	f, err := os.CreateTemp("", hiddenPrefix+"*"+tempSuffix)
	if err != nil {
		return err
	}
	if err := os.Remove(f.Name()); err != nil { // it lives as long as it is open
		f.Close()
		return err
	}
	if err := r.s.save(r.ctx, r.info, f); err != nil {
		f.Close()
		return readError(r.ctx, err)
	}
	r.copy = f
	return nil
}

// save writes one version of an object to w, resuming at the byte.
func (s *S3) save(ctx context.Context, info Info, w io.Writer) error {
	b := backoff{patience: s.client.opt.Patience}
	for done := int64(0); done < info.Size; {
		resp, err := s.get(ctx, info.Key, info.ETag, done, -1)
		if err == nil {
			if _, err = io.CopyN(io.Discard, resp, done-resp.off); err == nil {
				var n int64
				n, err = io.CopyN(w, resp, info.Size-done)
				if done += n; n > 0 {
					b.progress()
				}
			}
			resp.Close()
			err = unexpected(err)
		}
		if err != nil && !b.again(ctx, err) {
			return err
		}
	}
	return nil
}
