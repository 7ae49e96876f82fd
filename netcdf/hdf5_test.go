package netcdf_test

import (
	"encoding/json"
	"flag"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"healpipe/internal/testenv"
	"healpipe/netcdf"
)

type oracleDataset struct {
	array
	Attrs []named
}

// h5py reads the datasets of HDF5 files, by path.
func h5py(t testing.TB, files ...string) map[string]map[string]oracleDataset {
	t.Helper()
	var out map[string]map[string]oracleDataset
	if err := json.Unmarshal(python(t, "oracle.py", append([]string{"--h5"}, files...)...), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// allVars returns the variables of a group and its sub-groups by path without the leading slash.
func allVars(g *netcdf.Group) map[string]*netcdf.Var {
	out := map[string]*netcdf.Var{}
	for _, v := range g.Vars {
		out[v.Path[1:]] = v
	}
	for _, s := range g.Groups {
		for p, v := range allVars(s) {
			out[p] = v
		}
	}
	return out
}

// TestH5py compares every dataset and attribute of the files that h5py writes with what h5py reads back.
func TestH5py(t *testing.T) {
	t.Parallel()
	files := written(t, "h5py_files.py")
	want := h5py(t, files...)
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			compareDatasets(t, open(t, path), want[path])
		})
	}
}

// more names further files to compare: go test ./netcdf -run TestForeign -more 'a.h5 b.h5'.
var more = flag.String("more", "", "further HDF5 files to compare, separated by spaces; what h5py cannot read is left out")

// TestForeign compares files that other writers made: those that h5py and astropy bring for their own tests.
func TestForeign(t *testing.T) {
	t.Parallel()
	site := filepath.Join(strings.TrimSpace(testenv.RunPython(t, `import sysconfig; print(sysconfig.get_path("purelib"))`)))
	var files []string
	for _, pattern := range []string{"h5py/tests/data_files/*.h5", "astropy/io/misc/tests/data/*.hdf5"} {
		found, err := filepath.Glob(filepath.Join(site, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no files %s", pattern)
		}
		files = append(files, found...)
	}
	want := h5py(t, files...)
	if list := strings.Fields(*more); len(list) > 0 {
		var others map[string]map[string]oracleDataset
		if err := json.Unmarshal(python(t, "oracle.py", append([]string{"--each"}, list...)...), &others); err != nil {
			t.Fatal(err)
		}
		for path, sets := range others {
			maps.DeleteFunc(sets, func(_ string, d oracleDataset) bool { return d.Type == "error" })
			want[path], files = sets, append(files, path)
		}
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			compareDatasets(t, open(t, path), want[path])
		})
	}
}

// moreNC is like more, for files that libnetcdf reads: their dimensions are compared too.
var moreNC = flag.String("morenc", "", "further netCDF files to compare, separated by spaces")

// TestPhonyDimensions compares the netCDF view of plain HDF5 files with libnetcdf's.
func TestPhonyDimensions(t *testing.T) {
	t.Parallel()
	files := append(written(t, "plain_files.py"), strings.Fields(*moreNC)...)
	want := libnetcdf(t, files...)
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			compareGroup(t, open(t, path).Root(), want[path])
		})
	}
}

func compareDatasets(t *testing.T, f *netcdf.File, want map[string]oracleDataset) {
	t.Helper()
	vars := allVars(f.Root())
	for name, w := range want {
		v := vars[name]
		if v == nil {
			t.Errorf("no variable %s", name)
			continue
		}
		shape := v.Shape
		for typ := v.Type; typ.Kind == netcdf.Array; typ = typ.Base {
			shape = append(slices.Clone(shape), typ.Shape...)
		}
		if !slices.Equal(shape, w.Shape) {
			t.Errorf("%s has shape %v, h5py says %v", name, v.Shape, w.Shape)
			continue
		}
		compareValues(t, v, w.array)
		attrs, err := v.Attrs()
		if err != nil {
			t.Error(err)
		}
		attrs = slices.Clone(attrs)
		slices.SortFunc(attrs, func(a, b netcdf.Attr) int { return strings.Compare(a.Name, b.Name) })
		slices.SortFunc(w.Attrs, func(a, b named) int { return strings.Compare(a.Name, b.Name) })
		compareAttrs(t, v.Path, attrs, w.Attrs)
	}
}

// TestPhonyTypes compares the numbers of phony dimensions with libnetcdf's where it passes over some types.
func TestPhonyTypes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "types.h5")
	var want map[string][]string
	if err := json.Unmarshal(python(t, "phony_types.py", path), &want); err != nil {
		t.Fatal(err)
	}
	vars := allVars(open(t, path).Root())
	for name, dims := range want {
		v := vars[name[1:]]
		if v == nil {
			t.Errorf("no variable %s", name)
			continue
		}
		var got []string
		for _, d := range v.Dims {
			got = append(got, d.Name)
		}
		if !slices.Equal(got, dims) {
			t.Errorf("%s has dimensions %v, libnetcdf says %v", name, got, dims)
		}
	}
	if len(want) < 20 || len(want) == len(vars) {
		t.Errorf("libnetcdf has %d of %d variables", len(want), len(vars))
	}
}
