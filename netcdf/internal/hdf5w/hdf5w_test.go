package hdf5w

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"healpipe/internal/testenv"
)

// pyDump prints a file's definition, and writes the values of every variable to DIR/NAME.raw.
const pyDump = `
import sys, json, netCDF4
ds = netCDF4.Dataset(sys.argv[1]); ds.set_auto_maskandscale(False)
def attrs(o): return [[k, str(o.dtype) if k == "_FillValue" else "str", v if isinstance(v, str) else float(v)] for k, v in o.__dict__.items()]
out = {"dims": [[d.name, len(d)] for d in ds.dimensions.values()], "attrs": attrs(ds), "vars": []}
for v in ds.variables.values():
    open(sys.argv[2] + "/" + v.name + ".raw", "wb").write(v[...].tobytes())
    chunks = v.chunking()
    out["vars"].append({"name": v.name, "type": v.dtype.str[1:], "dims": list(v.dimensions), "attrs": attrs(v),
        "chunks": None if chunks == "contiguous" else chunks, "shuffle": v.filters()["shuffle"], "deflate": v.filters()["complevel"]})
print(json.dumps(out))
`

type dumped struct {
	Dims  [][2]any
	Attrs [][3]any
	Vars  []struct {
		Name, Type string
		Dims       []string
		Attrs      [][3]any
		Chunks     []int
		Shuffle    bool
		Deflate    int
	}
}

// writeLike writes the definition and values of a netCDF-4 file anew.
func writeLike(t *testing.T, theirs, ours string) {
	t.Helper()
	dir := t.TempDir()
	var d dumped
	if err := json.Unmarshal([]byte(testenv.RunPython(t, pyDump, theirs, dir)), &d); err != nil {
		t.Fatal(err)
	}
	def := &Definition{}
	ids := map[string]int{}
	for i, dim := range d.Dims {
		ids[dim[0].(string)] = i
		def.Dims = append(def.Dims, Dim{dim[0].(string), int(dim[1].(float64))})
	}
	texts := func(attrs [][3]any) (out []Attr) {
		for _, a := range attrs {
			if s, ok := a[2].(string); ok {
				out = append(out, Attr{a[0].(string), s})
			}
		}
		return out
	}
	def.Attrs = texts(d.Attrs)
	kinds := map[string]reflect.Kind{"i4": reflect.Int32, "f4": reflect.Float32, "f8": reflect.Float64}
	for _, v := range d.Vars {
		x := Var{Name: v.Name, Kind: kinds[v.Type], Attrs: texts(v.Attrs), Chunks: v.Chunks, Shuffle: v.Shuffle, Deflate: v.Deflate}
		for _, n := range v.Dims {
			x.Dims = append(x.Dims, ids[n])
		}
		for _, a := range v.Attrs {
			if a[0] == "_FillValue" {
				x.Fill = float32(a[2].(float64))
			}
		}
		def.Vars = append(def.Vars, x)
	}
	out, err := os.Create(ours)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	w, err := Create(out, def)
	if err != nil {
		t.Fatal(err)
	}
	for i := range def.Vars {
		v := &def.Vars[i]
		raw, err := os.ReadFile(filepath.Join(dir, v.Name+".raw"))
		if err != nil {
			t.Fatal(err)
		}
		values := reflect.MakeSlice(reflect.TypeOf(map[reflect.Kind]any{reflect.Int32: []int32{}, reflect.Float32: []float32{}, reflect.Float64: []float64{}}[v.Kind]), len(raw)/v.size(), len(raw)/v.size())
		if _, err := binary.Decode(raw, binary.LittleEndian, values.Interface()); err != nil {
			t.Fatal(err)
		}
		if v.Chunks == nil {
			if err := w.Write(i, values.Interface()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		shape := w.shape(v)
		all := values.Interface().([]float32)
		for r := range w.Regions(i) {
			if err := w.WriteChunk(i, r, cut(all, shape, r.Start, r.Count)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// cut returns a region of a row-major array.
func cut(all []float32, shape, start, count []int) (out []float32) {
	if len(shape) == 0 {
		return all[:1]
	}
	below := 1
	for _, n := range shape[1:] {
		below *= n
	}
	for i := start[0]; i < start[0]+count[0]; i++ {
		out = append(out, cut(all[i*below:(i+1)*below], shape[1:], start[1:], count[1:])...)
	}
	return out
}

func ncdump(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("ncdump", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ncdump (install netcdf-bin): %v\n%s", err, out)
	}
	var lines []string
	for _, l := range strings.Split(string(out), "\n") {
		if !strings.Contains(l, "_NCProperties") {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n")
}

// pyCompare opens both files with xarray and h5py and compares everything that they show.
const pyCompare = `
import sys, h5py, numpy as np, xarray as xr
a, b = sys.argv[1:]
for kw in [{}, {"decode_times": False, "mask_and_scale": False}]:
    x, y = xr.open_dataset(a, engine="netcdf4", **kw), xr.open_dataset(b, engine="netcdf4", **kw)
    xr.testing.assert_identical(x, y)
    assert list(x.variables) == list(y.variables), (list(x.variables), list(y.variables))
f, g = h5py.File(a), h5py.File(b)
assert sorted(f) == sorted(g)
for n in f:
    p, q = f[n], g[n]
    for what in ["dtype", "shape", "chunks", "compression", "compression_opts", "shuffle", "fillvalue", "maxshape"]:
        assert np.array_equal(getattr(p, what), getattr(q, what)), (n, what, getattr(p, what), getattr(q, what))
    assert p[...].tobytes() == q[...].tobytes(), n
    assert sorted(p.attrs) == sorted(q.attrs), (sorted(p.attrs), sorted(q.attrs))
    for k in p.attrs:
        i, j = p.attrs.get_id(k), q.attrs.get_id(k)
        assert i.shape == j.shape and i.dtype == j.dtype, (n, k)
        if k == "REFERENCE_LIST":
            assert sorted((f[r].name, d) for r, d in p.attrs[k]) == sorted((g[r].name, d) for r, d in q.attrs[k]), n
        elif k == "DIMENSION_LIST":
            assert [f[r[0]].name for r in p.attrs[k]] == [g[r[0]].name for r in q.attrs[k]], n
        else:
            assert np.array_equal(p.attrs[k], q.attrs[k]), (n, k)
    for i, d in enumerate(p.dims):
        assert [s.name for s in d.values()] == [s.name for s in q.dims[i].values()], n
`

// Files of the archive's layout are to libnetcdf, HDF5 and xarray what netCDF4-python would have written.
func TestLikeNetCDF4Python(t *testing.T) {
	t.Parallel()
	for _, c := range [][]string{
		{"sfc", "2t", "--hours", "30", "--grid", "181x360"},
		{"sfc", "sstk", "--hours", "1", "--grid", "19x36"},
		{"pl", "u", "--hours", "2", "--grid", "19x36", "--levels", "5"},
		{"pl", "t", "--hours", "150", "--grid", "7x12", "--levels", "2"}, // a B-tree of two levels
	} {
		t.Run(c[0]+" "+c[1], func(t *testing.T) {
			t.Parallel()
			theirs := testenv.ERA5(t, c[0], c[1], filepath.Join(t.TempDir(), "x.nc"), c[2:]...)
			ours := filepath.Join(t.TempDir(), "x.nc")
			writeLike(t, theirs, ours)
			if got, want := ncdump(t, "-hs", ours), ncdump(t, "-hs", theirs); got != want {
				t.Errorf("ncdump -hs:\n%s\nwant:\n%s", got, want)
			}
			testenv.RunPython(t, pyCompare, ours, theirs)
			if msg, err := exec.Command("h5dump", ours).CombinedOutput(); err != nil {
				t.Errorf("h5dump (install hdf5-tools): %v: %.500s", err, msg)
			}
		})
	}
}

// Everything else that the package writes: all types, attributes of numbers, no coordinate variable,
// scalars, unwritten chunks, text beyond ASCII.
func TestOtherDefinitions(t *testing.T) {
	t.Parallel()
	def := &Definition{
		Dims:  []Dim{{"x", 5}, {"y", 3}},
		Attrs: []Attr{{"title", "Gitter für Zürich"}, {"empty", ""}, {"n", []int16{1, 2, 3}}, {"one", 2.5}},
		Vars: []Var{
			{Name: "v", Kind: reflect.Float32, Dims: []int{1, 0}, Chunks: []int{2, 2}, Deflate: 4, Fill: float32(-1), Attrs: []Attr{{"valid_range", []float32{0, 9}}}},
			{Name: "gap", Kind: reflect.Int16, Dims: []int{0}, Chunks: []int{2}, Fill: int16(7)},
			{Name: "none", Kind: reflect.Int16, Dims: []int{0}, Chunks: []int{2}, Fill: int16(7)},
			{Name: "s", Kind: reflect.Int32},
		}}
	all := []any{[]int8{-1}, []uint8{2}, []int16{-3}, []uint16{4}, []int32{-5}, []uint32{6}, []int64{-7}, []uint64{math.MaxUint64}, []float32{9}, []float64{10}}
	for _, x := range all {
		k := reflect.TypeOf(x).Elem().Kind()
		def.Vars = append(def.Vars, Var{Name: "k_" + k.String(), Kind: k})
	}
	path := filepath.Join(t.TempDir(), "x.nc")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := Create(out, def)
	if err != nil {
		t.Fatal(err)
	}
	for r := range w.Regions(0) {
		values := make([]float32, r.Count[0]*r.Count[1])
		for i := range values {
			values[i] = float32(10*(r.Start[0]+i/r.Count[1]) + r.Start[1] + i%r.Count[1])
		}
		if err := w.WriteChunk(0, r, values); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.WriteChunk(1, Region{[]int{2}, []int{2}}, []int16{1, 2}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), `"s"`) {
		t.Errorf("closed without the values of s: %v", err)
	}
	if err := w.Write(3, []int32{42}); err != nil {
		t.Fatal(err)
	}
	for i, x := range all {
		if err := w.Write(4+i, x); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
	testenv.RunPython(t, `
import sys, netCDF4, numpy as np
ds = netCDF4.Dataset(sys.argv[1]); ds.set_auto_maskandscale(False)
assert ds.title == "Gitter für Zürich" and ds.empty == "" and list(ds.n) == [1, 2, 3] and ds.one == 2.5
assert {k: len(d) for k, d in ds.dimensions.items()} == {"x": 5, "y": 3}
assert list(ds.variables)[:4] == ["v", "gap", "none", "s"], list(ds.variables)
assert ds["v"].dimensions == ("y", "x") and np.array_equal(ds["v"][:], 10 * np.arange(3)[:, None] + np.arange(5)), ds["v"][:]
assert list(ds["v"].valid_range) == [0, 9] and ds["v"].filters()["complevel"] == 4 and not ds["v"].filters()["shuffle"]
assert list(ds["gap"][:]) == [7, 7, 1, 2, 7] and list(ds["none"][:]) == [7] * 5 and ds["s"][...] == 42
assert [ds[v][...].item() for v in ds.variables if v.startswith("k_")] == [-1, 2, -3, 4, -5, 6, -7, 2**64 - 1, 9, 10]
assert [ds[v].dtype.str[1:] for v in ds.variables if v.startswith("k_")] == "i1 u1 i2 u2 i4 u4 i8 u8 f4 f8".split()
`, path)
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	x := []Dim{{"x", 5}}
	for name, d := range map[string]Definition{
		"length":     {Dims: []Dim{{"x", 0}}},
		"twice":      {Dims: []Dim{{"x", 1}, {"x", 1}}},
		"kind":       {Vars: []Var{{Name: "v", Kind: reflect.String}}},
		"dimension":  {Dims: x, Vars: []Var{{Name: "v", Kind: reflect.Int8, Dims: []int{1}}}},
		"chunk":      {Dims: x, Vars: []Var{{Name: "v", Kind: reflect.Int8, Dims: []int{0}, Chunks: []int{6}}}},
		"filter":     {Dims: x, Vars: []Var{{Name: "v", Kind: reflect.Int8, Dims: []int{0}, Shuffle: true}}},
		"fill":       {Dims: x, Vars: []Var{{Name: "v", Kind: reflect.Int8, Dims: []int{0}, Fill: 1}}},
		"attribute":  {Attrs: []Attr{{"a", 1}}},
		"nil":        {Attrs: []Attr{{"a", nil}}},
		"coordinate": {Dims: x, Vars: []Var{{Name: "x", Kind: reflect.Int8}}},
	} {
		if _, err := Create(nil, &d); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
