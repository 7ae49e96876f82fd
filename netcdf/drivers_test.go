package netcdf_test

import (
	"errors"
	"path/filepath"
	"reflect"
	"testing"

	"healpipe/netcdf"
)

// TestDrivers: files that are parts of a whole are refused by name; one whose metadata lies in a cache image is read
// (libhdf5 2.0 fails on its own).
func TestDrivers(t *testing.T) {
	t.Parallel()
	for _, path := range written(t, "driver_files.py") {
		if filepath.Base(path) != "cacheimage.h5" {
			if _, err := netcdf.OpenFile(path, nil); !errors.Is(err, netcdf.ErrUnsupported) {
				t.Errorf("%s: %v", filepath.Base(path), err)
			}
			continue
		}
		f := open(t, path)
		want := make([]int64, 100)
		for i := range want {
			want[i] = int64(i)
		}
		for name, w := range map[string][]int64{"chunks": want, "g/d0": want[:10], "g/d4": want[4:14]} {
			v, err := f.Var(name)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := v.Values(t.Context()); err != nil || !reflect.DeepEqual(got, w) {
				t.Errorf("%s: %v, %v", name, got, err)
			}
		}
		v, _ := f.Var("chunks")
		if a, err := v.Attr("number"); err != nil || !reflect.DeepEqual(a.Value, []int64{5}) {
			t.Errorf("%v, %v", a.Value, err)
		}
	}
}
