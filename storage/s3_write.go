package storage

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"sync"

	"github.com/minio/minio-go/v7"
)

// writeID is the metadata that tells our own conditional write from another's, for when its answer is lost
// and trying again meets the object that it has made itself.
const writeID = "Healpipe-Write"

// putOptions are those of one write; id is "" for an unconditional one.
func (s *S3) putOptions(c Condition) (o minio.PutObjectOptions, id string) {
	o = minio.PutObjectOptions{PartSize: uint64(s.client.opt.PartSize), ContentType: "application/octet-stream",
		StorageClass: s.client.opt.StorageClass, ServerSideEncryption: s.client.sse}
	if acl := s.client.opt.ACL; acl != "" {
		o.UserMetadata = map[string]string{"X-Amz-Acl": acl}
	}
	if c == (Condition{}) {
		return o, ""
	}
	if c.IfMatch != "" {
		o.SetMatchETag(c.IfMatch)
	}
	if c.IfAbsent {
		o.SetMatchETagExcept("*")
	}
	id = rand.Text()
	if o.UserMetadata == nil {
		o.UserMetadata = map[string]string{}
	}
	o.UserMetadata[writeID] = id
	return o, id
}

// Put implements Storage.
func (s *S3) Put(ctx context.Context, key string, data []byte, c Condition) (Info, error) {
	if err := s.begin(ctx, "write", key); err != nil {
		return Info{}, err
	}
	c, unlock, err := s.guard(ctx, key, c)
	if err != nil {
		return Info{}, err
	}
	defer unlock()
	o, id := s.putOptions(c)
	var done minio.UploadInfo
	err = s.retry(ctx, func() (err error) {
		done, err = s.client.core.Client.PutObject(ctx, s.bucket, s.name(key), bytes.NewReader(data), int64(len(data)), o)
		return err
	})
	return s.written(ctx, key, id, done, err)
}

// written translates the result of a write.
func (s *S3) written(ctx context.Context, key, id string, done minio.UploadInfo, err error) (Info, error) {
	if err == nil {
		return Info{Key: key, Size: done.Size, ETag: done.ETag, ModTime: done.LastModified}, nil
	}
	err = s3Error(ctx, err)
	if id != "" && (errors.Is(err, ErrPrecondition) || errors.Is(err, fs.ErrNotExist)) {
		return s.ours(ctx, key, id, err)
	}
	return Info{}, wrap("write", s.path(key), err)
}

// ours decides about a conditional write that the service refused: it may have been done by an earlier
// attempt. A missing object does not match any version.
func (s *S3) ours(ctx context.Context, key, id string, cause error) (Info, error) {
	o, err := s.head(ctx, key)
	if err == nil && o.UserMetadata[writeID] == id {
		return s.info(key, o), nil
	}
	if err != nil && !errors.Is(s3Error(ctx, err), fs.ErrNotExist) {
		return Info{}, wrap("write", s.path(key), s3Error(ctx, err))
	}
	if minio.ToErrorResponse(err).Code != minio.NoSuchBucket {
		cause = ErrPrecondition
	}
	return Info{}, wrap("write", s.path(key), cause)
}

// Create implements Storage: a put for what fits in one part, else a multipart upload that is cancelled if
// it fails. It holds at most one part in memory.
func (s *S3) Create(ctx context.Context, key string) (Writer, error) {
	return s.createIf(ctx, key, Condition{})
}

func (s *S3) createIf(ctx context.Context, key string, c Condition) (Writer, error) {
	if err := s.begin(ctx, "create", key); err != nil {
		return nil, err
	}
	return &s3Writer{ctx: ctx, s: s, key: key, c: c}, nil
}

// s3Writer collects a part; when it overflows, a goroutine uploads from a pipe.
type s3Writer struct {
	ctx context.Context
	s   *S3
	key string
	c   Condition

	mu     sync.Mutex
	closed bool
	first  []byte         // the beginning, until it is a part
	pipe   *io.PipeWriter // nil before the first part is full
	result chan uploadResult
}

type uploadResult struct {
	info Info
	err  error
}

func (w *s3Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	path := w.s.path(w.key)
	if w.closed {
		return 0, wrap("write", path, fs.ErrClosed)
	}
	if err := w.ctx.Err(); err != nil {
		return 0, wrap("write", path, err)
	}
	if w.pipe == nil && int64(len(w.first)+len(p)) <= w.s.client.opt.PartSize {
		w.first = append(w.first, p...)
		return len(p), nil
	}
	if w.pipe == nil {
		if err := w.start(); err != nil {
			return 0, err
		}
	}
	n, err := w.pipe.Write(p)
	return n, wrap("write", path, err)
}

// start begins the multipart upload.
func (w *s3Writer) start() error {
	c, unlock, err := w.s.guard(w.ctx, w.key, w.c)
	if err != nil {
		return err
	}
	r, pipe := io.Pipe()
	w.pipe, w.result = pipe, make(chan uploadResult, 1)
	source := io.MultiReader(bytes.NewReader(w.first), r)
	w.first = nil
	o, id := w.s.putOptions(c)
	go func() {
		defer unlock()
		done, err := w.s.client.uploads.PutObject(w.ctx, w.s.bucket, w.s.name(w.key), source, -1, o)
		info, err := w.s.written(w.ctx, w.key, id, done, err)
		r.CloseWithError(err) // a Write that waits gets the reason
		w.result <- uploadResult{info, err}
	}()
	return nil
}

// Commit implements Writer.
func (w *s3Writer) Commit() (Info, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return Info{}, wrap("write", w.s.path(w.key), fs.ErrClosed)
	}
	w.closed = true
	if w.pipe == nil {
		data := w.first
		w.first = nil
		return w.s.Put(w.ctx, w.key, data, w.c)
	}
	w.pipe.Close()
	result := <-w.result
	return result.info, result.err
}

// Abort implements Writer.
func (w *s3Writer) Abort() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed, w.first = true, nil
	if w.pipe != nil {
		w.pipe.CloseWithError(context.Canceled)
		<-w.result // the service has forgotten the parts
	}
	return nil
}

// Delete implements Storage.
func (s *S3) Delete(ctx context.Context, key string) error {
	if err := s.begin(ctx, "delete", key); err != nil {
		return err
	}
	err := s.retry(ctx, func() error {
		return s.client.core.Client.RemoveObject(ctx, s.bucket, s.name(key), minio.RemoveObjectOptions{})
	})
	if r, ok := errors.AsType[minio.ErrorResponse](err); ok && r.Code == minio.NoSuchKey {
		return nil
	}
	return wrap("delete", s.path(key), s3Error(ctx, err))
}
