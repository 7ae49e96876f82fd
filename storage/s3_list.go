package storage

import (
	"context"
	"strings"

	"github.com/minio/minio-go/v7"
)

// List implements Storage. Markers of folders (keys that end in a slash) are no objects.
func (s *S3) List(ctx context.Context, prefix string, fn func(Info) error) error {
	return s.list(ctx, prefix, true, fn)
}

// ListDir implements Storage.
func (s *S3) ListDir(ctx context.Context, dir string, fn func(Info) error) error {
	return s.list(ctx, dirPrefix(dir), false, fn)
}

// list goes on behind the last key after a failure for which that helps.
func (s *S3) list(ctx context.Context, prefix string, recursive bool, fn func(Info) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o := minio.ListObjectsOptions{Prefix: s.name(prefix), Recursive: recursive}
	b := backoff{patience: s.client.opt.Patience}
	for {
		var failed error
		for object := range s.client.core.Client.ListObjectsIter(ctx, s.bucket, o) {
			if failed = object.Err; failed != nil {
				break
			}
			b.progress()
			o.StartAfter = object.Key
			key := strings.TrimPrefix(object.Key, s.prefix)
			if strings.HasSuffix(key, "/") || hiddenKey(key) {
				continue
			}
			if err := fn(s.info(key, object)); err != nil {
				return err
			}
		}
		if failed == nil {
			failed = ctx.Err()
		}
		if failed == nil {
			return nil
		}
		if !b.again(ctx, failed) {
			return wrap("list", s.path(prefix), s3Error(ctx, failed))
		}
	}
}

func hiddenKey(key string) bool {
	return hidden(key) || strings.Contains(key, "/"+hiddenPrefix)
}
