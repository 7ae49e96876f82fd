package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

var errStalled = errors.New("the connection stalled")

// begin checks what every operation on one object checks first.
func (s *S3) begin(ctx context.Context, op, key string) error {
	if err := checkKey(key); err != nil {
		return wrap(op, s.path(key), err)
	}
	return wrap(op, s.path(key), ctx.Err())
}

// Stat implements Storage.
func (s *S3) Stat(ctx context.Context, key string) (Info, error) {
	return s.stat(ctx, "stat", key)
}

func (s *S3) stat(ctx context.Context, op, key string) (Info, error) {
	if err := s.begin(ctx, op, key); err != nil {
		return Info{}, err
	}
	o, err := s.head(ctx, key)
	if err != nil {
		return Info{}, wrap(op, s.path(key), s3Error(ctx, err))
	}
	return s.info(key, o), nil
}

func (s *S3) head(ctx context.Context, key string) (o minio.ObjectInfo, err error) {
	err = s.retry(ctx, func() error {
		o, err = s.client.core.StatObject(ctx, s.bucket, s.name(key), minio.StatObjectOptions{})
		return err
	})
	return o, err
}

// body is an open response: the object's bytes from some offset on.
type body struct {
	io.ReadCloser
	etag    string
	modTime time.Time
	size    int64 // of the whole object
	off     int64 // where the bytes begin: 0 when the server knows no ranges
}

// get asks for n bytes from off (the last n for a negative off, all for a negative n) of the version etag
// (any version for ""). It does not retry.
func (s *S3) get(ctx context.Context, key, etag string, off, n int64) (*body, error) {
	var o minio.GetObjectOptions
	var err error
	switch {
	case n < 0 && off == 0:
	case n < 0:
		err = o.SetRange(off, 0)
	case off < 0:
		err = o.SetRange(0, -n)
	default:
		err = o.SetRange(off, off+n-1)
	}
	if err == nil && etag != "" {
		err = o.SetMatchETag(etag)
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	rc, info, header, err := s.client.core.GetObject(ctx, s.bucket, s.name(key), o)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	b := &body{ReadCloser: watch(rc, s.client.opt.Stall, ctx, cancel), etag: info.ETag, modTime: info.LastModified, size: info.Size}
	if etag != "" && info.ETag != etag { // a server that ignores If-Match
		b.Close()
		return nil, ErrChanged
	}
	if cr := header.Get("Content-Range"); cr != "" {
		if b.off, b.size, err = parseContentRange(cr); err != nil || off >= 0 && b.off != off {
			b.Close()
			return nil, fmt.Errorf("the service answers the range %d+%d with %q", off, n, cr)
		}
	}
	return b, nil
}

// parseContentRange reads "bytes FROM-TO/SIZE".
func parseContentRange(s string) (from, size int64, err error) {
	rest, ok := strings.CutPrefix(s, "bytes ")
	span, total, ok2 := strings.Cut(rest, "/")
	first, _, ok3 := strings.Cut(span, "-")
	if !ok || !ok2 || !ok3 {
		return 0, 0, errors.New("malformed Content-Range")
	}
	from, err = strconv.ParseInt(first, 10, 64)
	if err == nil {
		size, err = strconv.ParseInt(total, 10, 64)
	}
	if err == nil && (from < 0 || size < from) {
		err = errors.New("malformed Content-Range")
	}
	return from, size, err
}

// watch cancels a response whose body pauses for longer than stall.
func watch(rc io.ReadCloser, stall time.Duration, ctx context.Context, cancel context.CancelCauseFunc) io.ReadCloser {
	return &stallReader{rc: rc, stall: stall, ctx: ctx, cancel: cancel, timer: time.AfterFunc(stall, func() { cancel(errStalled) })}
}

type stallReader struct {
	rc     io.ReadCloser
	stall  time.Duration
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func (r *stallReader) Read(p []byte) (int, error) {
	n, err := r.rc.Read(p)
	if err != nil && errors.Is(context.Cause(r.ctx), errStalled) {
		err = errStalled
	}
	r.timer.Reset(r.stall)
	return n, err
}

func (r *stallReader) Close() error {
	r.timer.Stop()
	r.cancel(nil)
	return r.rc.Close()
}

// fetch appends the object's bytes [off, off+n) to dst (to its end for n < 0, the last n for off < 0),
// resuming at the byte after a broken connection, always in the same version.
func (s *S3) fetch(ctx context.Context, key, etag string, off, n int64, dst []byte) ([]byte, *body, error) {
	var first *body // describes the version
	start := len(dst)
	b := backoff{patience: s.client.opt.Patience}
	for {
		got := int64(len(dst) - start)
		if first != nil && got == n {
			return dst, first, nil
		}
		from, want := off, n
		if first != nil { // off and n are absolute by now
			from, want = off+got, n-got
		}
		resp, err := s.get(ctx, key, etag, from, want)
		if err == nil && first == nil {
			if off, n = cutSpan(off, n, resp.size); n == 0 {
				resp.Close()
				return dst, resp, nil
			}
			first, etag, from = resp, resp.etag, off
		}
		if err == nil {
			dst, err = appendFrom(dst, resp, from, n-got)
			resp.Close()
			if int64(len(dst)-start) > got {
				b.progress()
			}
		}
		if err != nil && !b.again(ctx, err) {
			return dst, first, err
		}
	}
}

// cutSpan is cutRange with n < 0 for all that follows.
func cutSpan(off, n, size int64) (int64, int64) {
	if n < 0 {
		n = size
	}
	return cutRange(off, n, size)
}

// appendFrom appends n bytes from the object's offset off. Memory grows with what really arrives.
func appendFrom(dst []byte, b *body, off, n int64) ([]byte, error) {
	if _, err := io.CopyN(io.Discard, b, off-b.off); err != nil {
		return dst, unexpected(err)
	}
	for n > 0 {
		if len(dst) == cap(dst) {
			dst = append(dst, make([]byte, min(n, max(int64(len(dst)), 1<<20)))...)[:len(dst)]
		}
		room := dst[len(dst):min(int64(cap(dst)), int64(len(dst))+n)]
		got, err := b.Read(room)
		dst, n = dst[:len(dst)+got], n-int64(got)
		if err != nil && n > 0 {
			return dst, unexpected(err)
		}
	}
	return dst, nil
}

// unexpected is for streams that must not end yet.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readError translates a failed read: a version that is not there any more was replaced.
func readError(ctx context.Context, err error) error {
	if err = s3Error(ctx, err); errors.Is(err, ErrPrecondition) {
		return ErrChanged
	}
	return err
}

// Get implements Storage.
func (s *S3) Get(ctx context.Context, key string) ([]byte, Info, error) {
	if err := s.begin(ctx, "read", key); err != nil {
		return nil, Info{}, err
	}
	data, b, err := s.fetch(ctx, key, "", 0, -1, nil)
	if err != nil {
		return nil, Info{}, wrap("read", s.path(key), readError(ctx, err))
	}
	return data, Info{Key: key, Size: b.size, ETag: b.etag, ModTime: b.modTime}, nil
}

// GetRange implements Storage.
func (s *S3) GetRange(ctx context.Context, key string, off, n int64) ([]byte, Info, error) {
	if err := s.begin(ctx, "read", key); err != nil {
		return nil, Info{}, err
	}
	if n <= 0 {
		info, err := s.stat(ctx, "read", key)
		return nil, info, err
	}
	data, b, err := s.fetch(ctx, key, "", off, n, nil)
	if r, ok := errors.AsType[minio.ErrorResponse](err); ok && r.Code == minio.InvalidRange {
		info, err := s.stat(ctx, "read", key) // behind the end
		return nil, info, err
	}
	if err != nil {
		return nil, Info{}, wrap("read", s.path(key), readError(ctx, err))
	}
	return data, Info{Key: key, Size: b.size, ETag: b.etag, ModTime: b.modTime}, nil
}
