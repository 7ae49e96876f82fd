package storage_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"healpipe/internal/s3test"
	"healpipe/storage"
	"healpipe/storage/storagetest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(*testing.T) storage.Storage { return storage.NewMemory() })
}

func TestLocal(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storage.Storage { return storage.NewLocal(t.TempDir()) })
}

// TestLocalTogether runs the suite on views.
func TestLocalTogether(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, func(t *testing.T) storage.Storage {
		return storage.TogetherUntilCleanup(t, storage.NewLocal(t.TempDir()))
	})
}

func TestS3(t *testing.T) {
	t.Parallel()
	testService(t, s3test.Start(t, "bucket"))
}

// TestS3Moto runs the suite on a second service.
func TestS3Moto(t *testing.T) {
	t.Parallel()
	testService(t, s3test.StartMoto(t, "bucket"))
}

func testService(t *testing.T, server *s3test.Server) {
	client := s3Client(t, server.Endpoint)
	t.Run("prefix", func(t *testing.T) {
		var n atomic.Int32
		storagetest.Run(t, func(t *testing.T) storage.Storage {
			return s3Bucket(t, client, "bucket", fmt.Sprintf("some/prefix-%d", n.Add(1)))
		})
	})
	t.Run("whole bucket", func(t *testing.T) {
		var n atomic.Int32
		storagetest.Run(t, func(t *testing.T) storage.Storage {
			bucket := fmt.Sprintf("bucket-%d", n.Add(1))
			server.MakeBucket(t, bucket)
			return s3Bucket(t, client, bucket, "")
		})
	})
}

// s3Client is a client of a test server, with the smallest parts, that gives up soon.
func s3Client(t *testing.T, endpoint string) *storage.S3Client {
	t.Helper()
	c, err := storage.NewS3Client(storage.S3Options{
		Endpoint: endpoint, Region: s3test.Region, AccessKey: s3test.AccessKey, SecretKey: s3test.SecretKey,
		PartSize: 5 << 20, Patience: 3 * time.Minute, Stall: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func s3Bucket(t *testing.T, c *storage.S3Client, bucket, prefix string) *storage.S3 {
	t.Helper()
	s, err := c.Bucket(bucket, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
