package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
	"unsafe"

	"healpipe/storage"
	"healpipe/zarr"
	"healpipe/zarr/zarrstore"
)

// work does one job and prints its seconds.
func work(job, dir string) error {
	ctx := context.Background()
	local := storage.NewLocal(filepath.Join(dir, "healpipe"))
	local.NoSync = true // as the peers write
	st := zarrstore.New(local)
	s, u, err := arrays(ctx, st)
	if err != nil {
		return err
	}
	var values []float32
	switch job {
	case "surface":
		values, err = load(filepath.Join(dir, "surface.raw"))
	case "shard", "hours":
		values, err = load(filepath.Join(dir, "levels.raw"))
	}
	if err != nil {
		return err
	}
	n := 1
	if values == nil {
		n = repeats
	}
	var times []float64
	for i := range n {
		start := time.Now()
		if err := once(ctx, job, i, s, u, values); err != nil {
			return err
		}
		times = append(times, time.Since(start).Seconds())
	}
	slices.Sort(times)
	fmt.Println(times[len(times)/2])
	return nil
}

func once(ctx context.Context, job string, i int, s, u *zarr.Array, values []float32) error {
	switch job {
	case "surface":
		return zarr.Write(ctx, s, zarr.Region{Start: []int{0, 0}, Shape: []int{744, 49152}}, values)
	case "shard":
		return zarr.Write(ctx, u, zarr.Region{Start: []int{24, 0, 0}, Shape: []int{24, 37, 49152}}, values)
	case "hours":
		return zarr.Write(ctx, u, zarr.Region{Start: []int{24, 0, 0}, Shape: []int{12, 37, 49152}}, values[:len(values)/2])
	case "series":
		return zarr.Read(ctx, s, zarr.Region{Start: []int{0, 777 + 4000*i}, Shape: []int{744, 1}}, make([]float32, 744))
	case "map":
		return zarr.Read(ctx, s, zarr.Region{Start: []int{100 + 10*i, 0}, Shape: []int{1, 49152}}, make([]float32, 49152))
	}
	return zarr.Read(ctx, u, zarr.Region{Start: []int{30, 5 * i, 0}, Shape: []int{1, 1, 49152}}, make([]float32, 49152))
}

// arrays opens the two arrays, or makes them.
func arrays(ctx context.Context, st zarr.Store) (s, u *zarr.Array, err error) {
	g, err := zarr.OpenGroup(ctx, st, "", zarr.Options{})
	if errors.Is(err, fs.ErrNotExist) {
		if g, err = zarr.CreateGroup(ctx, st, "", nil, zarr.Options{}); err != nil {
			return nil, nil, err
		}
		if s, err = g.Create(ctx, "s", zarr.ArrayOptions{Shape: []int{744, 49152}, Chunks: []int{24, 49152}, DataType: zarr.TypeFloat32}); err != nil {
			return nil, nil, err
		}
		u, err = g.Create(ctx, "u", zarr.ArrayOptions{Shape: []int{744, 37, 49152}, Chunks: []int{24, 1, 49152}, Shards: []int{24, 37, 49152}, DataType: zarr.TypeFloat32})
		return s, u, err
	}
	if err != nil {
		return nil, nil, err
	}
	if s, err = g.Array(ctx, "s"); err != nil {
		return nil, nil, err
	}
	u, err = g.Array(ctx, "u")
	return s, u, err
}

// load reads a file of float32 in the machine's byte order.
func load(path string) ([]float32, error) {
	b, err := os.ReadFile(path)
	if err != nil || len(b) == 0 {
		return nil, err
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4), nil
}
