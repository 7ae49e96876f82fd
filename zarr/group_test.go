package zarr_test

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"healpipe/internal/testenv"
	"healpipe/zarr"
)

// TestNestedGroups compares a hierarchy's consolidated metadata with zarr-python's, made at once and name by name.
func TestNestedGroups(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	theirs := t.TempDir()
	testenv.RunPython(t, `
import sys, warnings, zarr
warnings.simplefilter("ignore")
g = zarr.open_group(sys.argv[1], mode="a", attributes={"title": "root", "n": 3, "f": 1.0})
for name in ["B", "a", "Deep"]:
    h = g.create_group(name, attributes={"unit": "m/s <&> \u00e9\U0001f600"})
    h.create_array("x", shape=(4, 6), chunks=(2, 3), dtype="i2", fill_value=-7)
    h.create_group("below").create_array("y", shape=(), dtype="f8", fill_value=float("nan"))
zarr.consolidate_metadata(sys.argv[1])
`, theirs)
	for _, byName := range []bool{false, true} {
		st, ours := localStore(t)
		g := must(zarr.CreateGroup(ctx, st, "", map[string]any{"title": "root", "n": 3, "f": 1.0}, zarr.Options{}))(t)
		var names []string
		for _, name := range []string{"B", "a", "Deep"} {
			h := must(zarr.CreateGroup(ctx, st, name, map[string]any{"unit": "m/s <&> é😀"}, zarr.Options{}))(t)
			must(h.Create(ctx, "x", zarr.ArrayOptions{Shape: []int{4, 6}, Chunks: []int{2, 3}, DataType: zarr.TypeInt16, FillValue: -7}))(t)
			below := must(zarr.CreateGroup(ctx, st, name+"/below", nil, zarr.Options{}))(t)
			must(below.Create(ctx, "y", zarr.ArrayOptions{Shape: []int{}, Chunks: []int{}, DataType: zarr.TypeFloat64, FillValue: math.NaN()}))(t)
			names = append(names, name, name+"/x", name+"/below", name+"/below/y")
		}
		if byName {
			for _, name := range names {
				if err := g.Consolidate(ctx, name); err != nil {
					t.Fatal(err)
				}
			}
		} else if err := g.Consolidate(ctx); err != nil {
			t.Fatal(err)
		}
		got, want := readJSON(t, filepath.Join(ours, "zarr.json")), readJSON(t, filepath.Join(theirs, "zarr.json"))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("by name %v:\ngot  %v\nwant %v", byName, got, want)
		}
		before := must(os.Stat(filepath.Join(ours, "zarr.json")))(t)
		if err := g.Consolidate(ctx); err != nil {
			t.Fatal(err)
		}
		if after := must(os.Stat(filepath.Join(ours, "zarr.json")))(t); !os.SameFile(before, after) {
			t.Error("consolidating again writes again")
		}
		arrays, groups, err := g.Members(ctx)
		if err != nil || len(arrays) != 6 || len(groups) != 6 || !slices.IsSorted(arrays) {
			t.Errorf("members %v, %v, %v", arrays, groups, err)
		}
		g = must(zarr.OpenGroup(ctx, st, "/", zarr.Options{}))(t)
		if err := os.Remove(filepath.Join(ours, "a/below/y/zarr.json")); err != nil {
			t.Fatal(err)
		}
		deep := must(g.Group(ctx, "a"))(t)
		if deep.Attributes()["unit"] != "m/s <&> é😀" {
			t.Errorf("attributes %v", deep.Attributes())
		}
		y := must(g.Array(ctx, "a/below/y"))(t) // from the consolidated metadata
		v := make([]float64, 1)
		if err := zarr.Read(ctx, y, zarr.Region{}, v); err != nil || !math.IsNaN(v[0]) {
			t.Errorf("a scalar: %v, %v", v, err)
		}
		if _, err := g.Array(ctx, "none"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no array: %v", err)
		}
		if _, err := g.Array(ctx, "a"); !errors.Is(err, zarr.ErrInvalid) {
			t.Errorf("a group as an array: %v", err)
		}
	}
}

// TestStoredInner looks at which inner chunks of a shard there are.
func TestStoredInner(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	st, _ := localStore(t)
	g := must(zarr.CreateGroup(ctx, st, "", nil, zarr.Options{}))(t)
	a := must(g.Create(ctx, "a", zarr.ArrayOptions{Shape: []int{8, 3}, Chunks: []int{2, 1}, Shards: []int{4, 3}, DataType: zarr.TypeFloat32}))(t)
	if has := must(a.HasChunk(ctx, []int{0, 0}))(t); has {
		t.Error("a chunk before anything is written")
	}
	if err := zarr.Write(ctx, a, zarr.Region{Start: []int{3, 1}, Shape: []int{1, 1}}, []float32{5}); err != nil {
		t.Fatal(err)
	}
	got := must(a.StoredInner(ctx, []int{0, 0}))(t)
	if want := []bool{false, false, false, false, true, false}; !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	if got := must(a.StoredInner(ctx, []int{1, 0}))(t); slices.Contains(got, true) {
		t.Errorf("a missing shard has %v", got)
	}
	n := 0
	err := a.StoredChunks(ctx, func(index []int, size int64) error {
		if n++; !slices.Equal(index, []int{0, 0}) || size == 0 {
			t.Errorf("chunk %v of %d bytes", index, size)
		}
		return nil
	})
	if err != nil || n != 1 {
		t.Errorf("%d chunks, %v", n, err)
	}
	if _, err := a.StoredInner(ctx, []int{2, 0}); !errors.Is(err, zarr.ErrInvalid) {
		t.Errorf("outside the grid: %v", err)
	}
	// A zero there removes the inner chunk, and with it the shard.
	if err := zarr.Write(ctx, a, zarr.Region{Start: []int{3, 1}, Shape: []int{1, 1}}, []float32{0}); err != nil {
		t.Fatal(err)
	}
	if has := must(a.HasChunk(ctx, []int{0, 0}))(t); has {
		t.Error("the shard stays when its last chunk is fill value")
	}
}
