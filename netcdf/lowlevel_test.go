package netcdf_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestLowLevel compares what only libhdf5's low-level functions write: all versions of the format, all sizes of
// addresses and lengths, small trees, filtered and deep heaps, shared messages, numbers of any layout, types within
// types, filter masks, unfiltered edges, every time of allocation.
func TestLowLevel(t *testing.T) {
	t.Parallel()
	files := written(t, "lowlevel_files.py")
	sparse := func(path string) bool { return strings.HasPrefix(filepath.Base(path), "sparse") }
	want := h5py(t, slices.DeleteFunc(slices.Clone(files), sparse)...)
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			f := open(t, path)
			if w, ok := want[path]; ok {
				compareDatasets(t, f, w)
				return
			}
			v, err := f.Var("sparse")
			if err != nil {
				t.Fatal(err)
			}
			got := make([]int8, 4)
			if err := v.Read(t.Context(), got, []int{1<<40 - 4, 1}, []int{4, 1}, nil); err != nil || !slices.Equal(got, []int8{0, 1, 2, 3}) {
				t.Errorf("the end of 2^40 rows: %v, %v", got, err)
			}
		})
	}
}
