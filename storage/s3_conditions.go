package storage

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"net/http"

	"github.com/minio/minio-go/v7"
)

// s3Abilities says which conditions a service really heeds. Services that do not know a condition tend to
// ignore it without a word, so each is tried out on a hidden object.
type s3Abilities struct {
	put bool // If-Match and If-None-Match on puts
	del bool // If-Match on deletes
}

// able returns what the service can, asking it the first time.
func (s *S3) able(ctx context.Context) (s3Abilities, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.abilities != nil {
		return *s.abilities, nil
	}
	a, err := s.probe(ctx)
	if err != nil {
		return a, wrap("probe", s.String(), s3Error(ctx, err))
	}
	s.abilities = &a
	return a, nil
}

func (s *S3) probe(ctx context.Context) (a s3Abilities, err error) {
	const otherVersion = "00000000000000000000000000000000"
	name := s.prefix + hiddenPrefix + "probe-" + rand.Text()
	put := func(c Condition) error {
		o, _ := s.putOptions(c)
		return s.retry(ctx, func() error {
			_, err := s.client.core.Client.PutObject(ctx, s.bucket, name, bytes.NewReader(nil), 0, o)
			return err
		})
	}
	if err := put(Condition{}); err != nil {
		return a, err
	}
	remove := func(etag string) error {
		return s.retry(ctx, func() error { return s.remove(ctx, name, etag) })
	}
	defer func() { err = errors.Join(err, remove("")) }()
	for _, c := range []Condition{{IfAbsent: true}, {IfMatch: otherVersion}} {
		a.put, err = heeded(put(c))
		if err != nil || !a.put {
			return a, err
		}
	}
	a.del, err = heeded(remove(otherVersion))
	return a, err
}

// heeded judges the answer to a request whose condition does not hold.
func heeded(err error) (bool, error) {
	r, ok := errors.AsType[minio.ErrorResponse](err)
	switch {
	case err == nil: // done all the same
		return false, nil
	case ok && r.StatusCode == http.StatusPreconditionFailed:
		return true, nil
	case ok && (r.StatusCode == http.StatusNotImplemented || r.StatusCode == http.StatusBadRequest):
		return false, nil
	}
	return false, err
}

// guard prepares a conditional write. Where the service cannot judge the condition, guard does, under a lock
// that keeps this process's writers apart; another process's write in the instant between is then lost.
func (s *S3) guard(ctx context.Context, key string, c Condition) (ask Condition, unlock func(), err error) {
	if c == (Condition{}) {
		return c, func() {}, nil
	}
	a, err := s.able(ctx)
	if err != nil || a.put {
		return c, func() {}, err
	}
	if err := s.locks.acquire(ctx, key); err != nil {
		return c, nil, wrap("write", s.path(key), err)
	}
	unlock = func() { s.locks.release(key) }
	now, err := s.stat(ctx, "write", key)
	exists := err == nil
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
	case c.IfAbsent && exists, c.IfMatch != "" && now.ETag != c.IfMatch:
		err = wrap("write", s.path(key), ErrPrecondition)
	default:
		return Condition{}, unlock, nil
	}
	unlock()
	return c, nil, err
}

// deleteIf implements conditional.
func (s *S3) deleteIf(ctx context.Context, key, etag string) error {
	a, err := s.able(ctx)
	if err != nil {
		return err
	}
	if !a.del {
		return errors.ErrUnsupported
	}
	err = s3Error(ctx, s.retry(ctx, func() error { return s.remove(ctx, s.name(key), etag) }))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return wrap("delete", s.path(key), err)
}

// remove deletes an object, only in the version etag if that is not "".
func (s *S3) remove(ctx context.Context, name, etag string) error {
	if etag != "" {
		ctx = context.WithValue(ctx, deleteVersion{}, etag)
	}
	return s.client.core.Client.RemoveObject(ctx, s.bucket, name, minio.RemoveObjectOptions{})
}

// deleteVersion is the context's key of the ETag that a delete is restricted to: minio-go has no option
// for it. The header goes in behind the signature, which does not cover it.
type deleteVersion struct{}

// setDeleteVersion adds the header to a request that the context restricts.
func setDeleteVersion(req *http.Request) *http.Request {
	etag, ok := req.Context().Value(deleteVersion{}).(string)
	if !ok || req.Method != http.MethodDelete {
		return req
	}
	req = req.Clone(req.Context())
	req.Header.Set("If-Match", `"`+etag+`"`)
	return req
}
