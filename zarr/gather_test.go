package zarr_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"healpipe/zarr"
)

// countingStore counts the reads of objects.
type countingStore struct {
	zarr.Store
	reads atomic.Int64
}

type countingObject struct {
	zarr.Object
	reads *atomic.Int64
}

func (s *countingStore) Open(ctx context.Context, key string) (zarr.Object, error) {
	o, err := s.Store.Open(ctx, key)
	return countingObject{o, &s.reads}, err
}

func (o countingObject) ReadAt(p []byte, off int64) (int, error) {
	o.reads.Add(1)
	return o.Object.ReadAt(p, off)
}

// TestShardInFewReads reads whole shards, in some of which inner chunks are missing, and single inner chunks.
func TestShardInFewReads(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	local, _ := localStore(t)
	st := &countingStore{Store: local}
	g := must(zarr.CreateGroup(ctx, st, "", nil, zarr.Options{Workers: 2}))(t)
	a := must(g.Create(ctx, "u", zarr.ArrayOptions{
		Shape: []int{8, 37, 500}, Chunks: []int{8, 1, 500}, Shards: []int{8, 37, 500}, DataType: zarr.TypeFloat32,
	}))(t)
	rng := rand.New(rand.NewPCG(1, 2))
	whole := zarr.Region{Start: []int{0, 0, 0}, Shape: []int{8, 37, 500}}
	want := make([]float32, whole.Len())
	for i := range want {
		if level := i / 500 % 37; level != 7 && level != 8 && level != 36 { // those stay empty
			want[i] = rng.Float32()
		}
	}
	if err := zarr.Write(ctx, a, whole, want); err != nil {
		t.Fatal(err)
	}
	read := func(r zarr.Region) (values []float32, reads int64) {
		values = make([]float32, r.Len())
		before := st.reads.Load()
		if err := zarr.Read(ctx, a, r, values); err != nil {
			t.Fatal(err)
		}
		return values, st.reads.Load() - before
	}
	values, reads := read(whole)
	if !slices.Equal(values, want) {
		t.Error("other values come back")
	}
	if reads > 8 { // the index, and some for each worker
		t.Errorf("%d reads of a shard of 37 inner chunks", reads)
	}
	one := zarr.Region{Start: []int{3, 20, 100}, Shape: []int{1, 1, 50}}
	values, reads = read(one)
	if at := (3*37+20)*500 + 100; !slices.Equal(values, want[at:at+50]) || reads != 2 {
		t.Errorf("one inner chunk: %d reads", reads)
	}
	every := zarr.Region{Start: []int{0, 2, 0}, Shape: []int{8, 10, 500}}
	values, reads = read(every)
	for i, v := range values {
		if v != want[(i/5000*37+2+i/500%10)*500+i%500] {
			t.Fatalf("value %d", i)
		}
	}
	if reads > 7 {
		t.Errorf("%d reads of ten neighbours", reads)
	}
}
