package regrid

import (
	"slices"
	"testing"

	"healpipe/netcdf"
)

func TestTilesCoverASegmentOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		chunk, steps, t0, t1 int
		want                 []int // ends of the tiles
	}{
		{27, 27, 0, 27, []int{27}},
		{27, 27, 81, 96, []int{96}},
		{1, 8, 8, 16, []int{16}},
		{3, 6, 0, 6, []int{6}},
		{1000, 680, 680, 1360, []int{1000, 1360}},
		{1000, 680, 0, 680, []int{680}},
		{27, 27, 0, 60, []int{27, 54, 60}},
	} {
		f := &field{v: &netcdf.Var{Shape: []int{2000, 1, 1}}, time: true}
		l := &layout{f: f, time: c.chunk, steps: c.steps, level: 1, tall: 1}
		var got []int
		at := c.t0
		for _, tile := range l.tiles(c.t0, c.t1, 0) {
			if tile.t0 != at {
				t.Errorf("%+v: a tile starts at %d, want %d", c, tile.t0, at)
			}
			at = tile.t1
			got = append(got, at)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: tiles end at %v", c, got)
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for n, want := range map[int][]int{1: {4}, 4: {4}, 5: {8}, 8: {8}, 27: {8, 8, 8, 4}, 37: {8, 8, 8, 8, 8}} {
		if got := split(n); !slices.Equal(got, want) {
			t.Errorf("split(%d) = %v, want %v", n, got, want)
		}
	}
}
