package curate

import (
	"math"
	"slices"
	"testing"

	"healpipe/zarr"
)

// TestPieces reads the same files level by level, as large ones on a local disk, and in panels, as those behind a
// network.
func TestPieces(t *testing.T) {
	t.Parallel()
	s := newSite(t, small())
	s.init()
	s.make(testFiles)
	ctx := t.Context()
	g, err := s.store.group(ctx, s.store.zs, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sortedKeys(testFiles) {
		f, err := openInput(ctx, s.in, name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.close()
		fields, err := f.fields(ctx, s.store.layout.Time)
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fields {
			a, err := s.store.variable(ctx, g, fd.name)
			if err != nil {
				t.Fatal(err)
			}
			var first []uint32
			for _, least := range []int{1, 1 << 20} {
				src, err := newSource(ctx, fd, a, 1, least)
				if err != nil {
					t.Fatal(err)
				}
				if panels := src.depth > 1; panels != (least > 1 && src.levels > 1) {
					t.Errorf("%s: %d levels in a panel for pieces of %d bytes", name, src.depth, least)
				}
				var got []uint32
				for _, r := range runs(fd.steps) {
					for level := range src.levels {
						part := zarr.Region{Start: []int{r.first, level, 0}, Shape: []int{r.n, 1, src.cells}}
						if len(a.Shape()) == 2 {
							part = zarr.Region{Start: []int{r.first, 0}, Shape: []int{r.n, src.cells}}
						}
						dst := make([]float32, part.Len())
						if err := src.read(ctx, part, dst); err != nil {
							t.Fatal(err)
						}
						for _, v := range dst {
							got = append(got, math.Float32bits(v))
						}
					}
				}
				src.close()
				if first == nil {
					first = got
				} else if !slices.Equal(got, first) {
					t.Errorf("%s: other values in panels", name)
				}
			}
		}
	}
}
