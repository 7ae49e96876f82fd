package netcdf_test

import (
	"errors"
	"path/filepath"
	"testing"

	"healpipe/netcdf"
)

// TestSpecial compares user-defined types, references, odd integers, empty dataspaces, shared messages and
// ten thousand links with h5py, and checks the refusal of data in other files.
func TestSpecial(t *testing.T) {
	t.Parallel()
	files := written(t, "special_files.py")
	inside := files[:0:0]
	for _, path := range files {
		if filepath.Base(path) != "outside.h5" {
			inside = append(inside, path)
		}
	}
	want := h5py(t, inside...)
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			f := open(t, path)
			if w, ok := want[path]; ok {
				compareDatasets(t, f, w)
				return
			}
			for _, name := range []string{"external", "virtual"} {
				v, err := f.Var(name)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := v.Values(t.Context()); !errors.Is(err, netcdf.ErrUnsupported) {
					t.Errorf("%s: %v", name, err)
				}
			}
			if v, err := f.Var("plain"); err != nil || v.Len() != 3 {
				t.Error(err)
			}
		})
	}
}
