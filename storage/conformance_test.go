package storage_test

import (
	"testing"

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
