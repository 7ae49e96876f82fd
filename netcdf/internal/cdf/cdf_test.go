package cdf

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"healpipe/internal/testenv"
)

// pyWrite writes files of one format with netCDF4-python: every type, odd sizes, records, scalars.
const pyWrite = `
import sys, numpy as np, netCDF4
fmt, kind, out = sys.argv[1:]
rng = np.random.default_rng(3)
types = ["i1", "S1", "i2", "i4", "f4", "f8"]
if fmt == "NETCDF3_64BIT_DATA":
    types += ["u1", "u2", "u4", "i8", "u8"]
ds = netCDF4.Dataset(out, "w", format=fmt)
def values(t, shape):
    if t == "S1":
        return rng.integers(97, 123, shape, dtype="u1").view("S1").reshape(shape)
    if t[0] == "f":
        return rng.standard_normal(shape).astype(t)
    i = np.iinfo(t)
    return rng.integers(i.min, i.max, shape, dtype=t, endpoint=True)
def attributes(o):
    o.text, o.empty_text, o.odd = "K", "", "hours"
    for t in types:
        if t != "S1":
            setattr(o, "a_" + t, values(t, (3,)))
            setattr(o, "one_" + t, values(t, (1,))[0])
if kind != "empty":
    ds.createDimension("x", 5)
    ds.createDimension("time", None)
    ds.createDimension("y", 3)
    ds.createDimension("z", 1)
    attributes(ds)
    rec = {"records": types, "lone": ["i2"], "lonebyte": ["i1"], "fixed": []}[kind]
    for t in types:
        for j, dims in enumerate([(), ("x",), ("y", "x"), ("z", "y", "x")]):
            v = ds.createVariable(f"fix_{t}_{j}", t, dims)
            if j == 1:
                attributes(v)
        if t in rec:
            for j, dims in enumerate([("time",), ("time", "x"), ("time", "y", "x")][1 if kind[:4] == "lone" else 0:]):
                if kind[:4] == "lone" and j: break
                v = ds.createVariable(f"rec_{t}_{j}", t, dims, fill_value=None if j or t == "S1" else 7)
    for v in ds.variables.values():
        shape = tuple(7 if d == "time" else len(ds.dimensions[d]) for d in v.dimensions)
        v.set_auto_mask(False)
        v[...] = values(v.dtype.str[-2:].replace("|", ""), shape)
ds.close()
`

// copyFile reads every variable and writes the same definition and values anew.
func copyFile(t testing.TB, f *File) []byte {
	t.Helper()
	var out bytes.Buffer
	h := f.Header
	h.Vars = append([]Var(nil), h.Vars...)
	w, err := NewWriter(&out, &h)
	if err != nil {
		t.Fatal(err)
	}
	for {
		i, rec, left := w.Next()
		if i < 0 {
			break
		}
		v := &f.Vars[i]
		start, count := make([]int64, len(v.Shape)), append([]int64(nil), v.Shape...)
		if v.Record {
			start[0], count[0] = rec, 1
		}
		values := MakeSlice(v.Type, int(left))
		if err := f.Read(i, start, count, nil, values); err != nil {
			t.Fatal(err)
		}
		if err := w.Write(values); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func open(t testing.TB, b []byte) *File {
	t.Helper()
	f, err := Open(bytes.NewReader(b), int64(len(b)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func firstDifference(a, b []byte) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("at %d: % x, want % x", i, a[i:min(i+8, len(a))], b[i:min(i+8, len(b))])
		}
	}
	return fmt.Sprintf("lengths %d, want %d", len(a), len(b))
}

// A file that is read and written again has libnetcdf's own bytes: this shows the parser, the reader of
// values, the layout and the writer at once.
func TestSameBytesAsLibnetcdf(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"} {
		for _, kind := range []string{"empty", "fixed", "records", "lone", "lonebyte"} {
			t.Run(format+"/"+kind, func(t *testing.T) {
				t.Parallel()
				path := filepath.Join(t.TempDir(), "a.nc")
				testenv.RunPython(t, pyWrite, format, kind, path)
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				got := copyFile(t, open(t, want))
				// libnetcdf leaves zeros of its last buffer behind the data of some files.
				if n := len(got); n < len(want) && len(bytes.Trim(want[n:], "\x00")) == 0 {
					want = want[:n]
				}
				if !bytes.Equal(got, want) {
					t.Error(firstDifference(got, want))
				}
			})
		}
	}
}

// The reference answers were written by CDO.
func TestSameBytesAsCDO(t *testing.T) {
	t.Parallel()
	paths, _ := filepath.Glob(testenv.Path("tests", "testdata", "cdo", "*.hp64.nc"))
	if len(paths) == 0 {
		t.Fatal("no reference answers in tests/testdata/cdo")
	}
	for _, path := range paths {
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := copyFile(t, open(t, want)); !bytes.Equal(got, want) {
			t.Errorf("%s: %s", filepath.Base(path), firstDifference(got, want))
		}
	}
}

// pySelect prints the sums and first values that netCDF4-python reads for selections of every variable.
const pySelect = `
import sys, json, numpy as np, netCDF4
ds = netCDF4.Dataset(sys.argv[1])
ds.set_auto_maskandscale(False)
out = []
for name, v in ds.variables.items():
    v.set_auto_chartostring(False)
    for sel in json.loads(sys.argv[2]):
        idx = tuple(slice(a, a + (n - 1) * s + 1 if n else a, s) for a, n, s in sel[-v.ndim:]) if v.ndim else ()
        if any(i.stop > l for i, l in zip(idx, v.shape)):
            continue
        x = v[idx] if v.ndim else v[...]
        x = x.view("u1") if x.dtype.kind == "S" else x
        out.append([name, sel[-v.ndim:] if v.ndim else [], [repr(float(e)) for e in np.asarray(x).ravel()]])
print(json.dumps(out))
`

func TestSelections(t *testing.T) {
	t.Parallel()
	selections := [][][3]int64{
		{{0, 7, 1}, {0, 3, 1}, {0, 5, 1}},
		{{1, 3, 2}, {0, 2, 2}, {1, 2, 3}},
		{{6, 1, 1}, {2, 1, 1}, {4, 1, 1}},
		{{0, 1, 1}, {0, 3, 1}, {0, 3, 2}},
		{{0, 0, 1}, {0, 3, 1}, {0, 0, 2}},
		{{0, 1, 1}, {1, 2, 1}, {0, 5, 1}},
	}
	sel, _ := json.Marshal(selections)
	path := filepath.Join(t.TempDir(), "a.nc")
	testenv.RunPython(t, pyWrite, "NETCDF3_64BIT_DATA", "records", path)
	var answers [][3]any
	if err := json.Unmarshal([]byte(testenv.RunPython(t, pySelect, path, string(sel))), &answers); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := open(t, b)
	if len(answers) < 150 {
		t.Fatalf("only %d selections", len(answers))
	}
	for _, a := range answers {
		name := a[0].(string)
		v := -1
		for i := range f.Vars {
			if f.Vars[i].Name == name {
				v = i
			}
		}
		var start, count, stride []int64
		n := 1
		for _, s := range a[1].([]any) {
			s := s.([]any)
			start, count, stride = append(start, int64(s[0].(float64))), append(count, int64(s[1].(float64))), append(stride, int64(s[2].(float64)))
			n *= int(s[1].(float64))
		}
		dst := MakeSlice(f.Vars[v].Type, n)
		if err := f.Read(v, start, count, stride, dst); err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, s := range a[2].([]any) {
			want = append(want, s.(string))
		}
		if got := fmt.Sprint(floats(t, dst)); got != fmt.Sprint(parse(t, want)) {
			t.Errorf("%s %v: %s, want %v", name, a[1], got, want)
		}
	}
}

func floats(t *testing.T, values any) (out []float64) {
	raw, err := json.Marshal(values)
	if b, ok := values.([]byte); ok {
		for _, x := range b {
			out = append(out, float64(x))
		}
		return out
	}
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := values.([]float32); ok {
		for i, x := range f {
			out[i] = float64(x)
		}
	}
	return out
}

func parse(t *testing.T, texts []string) (out []float64) {
	for _, s := range texts {
		var x float64
		if err := json.Unmarshal([]byte(s), &x); err != nil {
			t.Fatal(err)
		}
		out = append(out, x)
	}
	return out
}

// ncdump, an independent reader of the C library, must show what was defined.
func TestNcdumpReadsOurFile(t *testing.T) {
	t.Parallel()
	for _, version := range []int{1, 2, 5} {
		h := Header{Version: version,
			Dims:  []Dim{{Name: "time", Len: 2, Record: true}, {Name: "cell", Len: 3}},
			Attrs: []Attr{{"title", Char, "a title"}},
			Vars: []Var{
				{Name: "time", Type: Double, Dims: []int{0}, Attrs: []Attr{{"units", Char, "hours since 1900-01-01"}}},
				{Name: "flag", Type: Short, Dims: []int{0, 1}},
				{Name: "t", Type: Float, Dims: []int{0, 1}, Attrs: []Attr{{"_FillValue", Float, []float32{9.999e20}}}},
			}}
		path := filepath.Join(t.TempDir(), "ours.nc")
		out, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w, err := NewWriter(out, &h)
		if err != nil {
			t.Fatal(err)
		}
		for rec := range 2 {
			for _, values := range []any{[]float64{float64(876576 + rec)}, []int16{1, 2, int16(3 + rec)}, []float32{1.5}, []float32{9.999e20, float32(rec)}} {
				if err := w.Write(values); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := errors.Join(w.Close(), out.Close()); err != nil {
			t.Fatal(err)
		}
		text, err := exec.Command("ncdump", path).CombinedOutput()
		if err != nil {
			t.Fatalf("ncdump (install netcdf-bin): %v\n%s", err, text)
		}
		for _, want := range []string{"time = UNLIMITED ; // (2 currently)", `:title = "a title"`, "876576, 876577", "1, 2, 3,\n  1, 2, 4", "1.5, _, 0,\n  1.5, _, 1"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("CDF-%d: ncdump lacks %q:\n%s", version, want, text)
			}
		}
	}
}

// A variable beyond 4 GiB: libnetcdf's own header, from a sparse file.
func TestLargeVariable(t *testing.T) {
	t.Parallel()
	const script = `
import sys, netCDF4
ds = netCDF4.Dataset(sys.argv[1], "w", format="NETCDF3_64BIT_OFFSET")
ds.set_fill_off()
ds.createDimension("x", 600000000)
ds.createVariable("small", "f4", ())[...] = 3
v = ds.createVariable("big", "f8", ("x",))
v[599999999] = 42
ds.close()
`
	path := filepath.Join(t.TempDir(), "big.nc")
	testenv.RunPython(t, script, path)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	st, _ := file.Stat()
	f, err := Open(file, st.Size(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float64, 3)
	if err := f.Read(1, []int64{1}, []int64{3}, []int64{299999999}, x); err != nil || x[2] != 42 || x[0] != 0 {
		t.Errorf("read %v, %v", x, err)
	}
	want := make([]byte, f.Size)
	if _, err := file.ReadAt(want, 0); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	h := f.Header
	if _, err := NewWriter(&out, &h); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Error(firstDifference(out.Bytes(), want))
	}
}

func TestStreamingRecordCount(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.nc")
	for _, c := range []struct{ format, kind string }{{"NETCDF3_64BIT_OFFSET", "records"}, {"NETCDF3_CLASSIC", "lone"}, {"NETCDF3_64BIT_DATA", "records"}} {
		testenv.RunPython(t, pyWrite, c.format, c.kind, path)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		n := 4
		if b[3] == 5 {
			n = 8
		}
		copy(b[4:], bytes.Repeat([]byte{0xff}, n))
		if f := open(t, b); f.NumRecs != 7 {
			t.Errorf("%v: %d records, want 7", c, f.NumRecs)
		}
	}
}

func TestTruncated(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile(testenv.Path("tests", "testdata", "cdo", "tp_2h_1deg.hp64.nc"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 3, 4, 7, 100, 1000, len(want) / 2, len(want) - 1} {
		_, err := Open(bytes.NewReader(want[:n]), int64(n), Options{})
		if n >= 4 && !errors.Is(err, ErrCorrupt) || n < 4 && !errors.Is(err, ErrNotCDF) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	_, err = Open(bytes.NewReader(want[:len(want)-1]), int64(len(want)-1), Options{})
	if s := fmt.Sprint(err); !strings.Contains(s, fmt.Sprint(len(want))) || !strings.Contains(s, fmt.Sprint(len(want)-1)) {
		t.Errorf("the message does not name both sizes: %v", err)
	}
}

func TestLimitsAndMisuse(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile(testenv.Path("tests", "testdata", "cdo", "tp_2h_1deg.hp64.nc"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(bytes.NewReader(want), int64(len(want)), Options{MaxHeader: 200}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("header limit: %v", err)
	}
	f := open(t, want)
	for _, c := range []struct {
		start, count, stride []int64
		dst                  any
	}{
		{[]int64{0}, []int64{3}, nil, make([]int32, 3)},
		{[]int64{0}, []int64{2}, []int64{0}, make([]int32, 3)},
		{[]int64{-1}, []int64{1}, nil, make([]int32, 3)},
		{[]int64{0}, []int64{2}, []int64{math.MaxInt64}, make([]int32, 3)},
		{[]int64{0}, []int64{2}, nil, make([]int32, 1)},
		{[]int64{0}, []int64{2}, nil, make([]float64, 2)},
		{nil, nil, nil, make([]int32, 3)},
	} {
		if err := f.Read(0, c.start, c.count, c.stride, c.dst); !errors.Is(err, ErrInvalid) {
			t.Errorf("%v: %v", c, err)
		}
	}
	x := Dim{Name: "x", Len: 1 << 30}
	for name, h := range map[string]Header{
		"version":      {Version: 3},
		"zero length":  {Version: 2, Dims: []Dim{{Name: "x"}}},
		"two records":  {Version: 2, Dims: []Dim{{Name: "x", Record: true}, {Name: "y", Record: true}}},
		"record later": {Version: 2, Dims: []Dim{{Name: "x", Record: true}}, Vars: []Var{{Name: "v", Type: Int, Dims: []int{0, 0}}}},
		"type":         {Version: 2, Vars: []Var{{Name: "v", Type: Int64}}},
		"twice":        {Version: 2, Vars: []Var{{Name: "v", Type: Int}, {Name: "v", Type: Int}}},
		"value":        {Version: 2, Attrs: []Attr{{"a", Int, "text"}}},
		"large":        {Version: 2, Dims: []Dim{x}, Vars: []Var{{Name: "v", Type: Double, Dims: []int{0}}, {Name: "w", Type: Int}}},
		"large 1":      {Version: 1, Dims: []Dim{x}, Vars: []Var{{Name: "u", Type: Short, Dims: []int{0}}, {Name: "w", Type: Short, Dims: []int{0}}, {Name: "v", Type: Int}}},
	} {
		if _, err := NewWriter(&bytes.Buffer{}, &h); !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	for _, version := range []int{1, 2, 5} {
		h := Header{Version: version,
			Dims:  []Dim{{Name: "time", Len: 2, Record: true}, {Name: "x", Len: 3}},
			Attrs: []Attr{{"title", Char, "a title"}, {"n", Short, []int16{1, 2, 3}}},
			Vars: []Var{{Name: "a", Type: Short, Dims: []int{0, 1}}, {Name: "b", Type: Byte, Dims: []int{1}},
				{Name: "c", Type: Float, Dims: []int{0}}}}
		var out bytes.Buffer
		w, err := NewWriter(&out, &h)
		if err != nil {
			f.Fatal(err)
		}
		for i, _, n := w.Next(); i >= 0; i, _, n = w.Next() {
			if err := w.Write(MakeSlice(h.Vars[i].Type, int(n))); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(out.Bytes())
		streaming := bytes.Clone(out.Bytes())
		copy(streaming[4:], "\xff\xff\xff\xff")
		f.Add(streaming)
	}
	paths, err := filepath.Glob(filepath.Join("..", "..", "testdata", "seeds", "*.nc.gz"))
	if err != nil || len(paths) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, path := range paths {
		packed, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		z, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			f.Fatal(err)
		}
		if data, err := io.ReadAll(z); err != nil {
			f.Fatal(err)
		} else if Is(data) {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Open(bytes.NewReader(b), int64(len(b)), Options{MaxHeader: 1 << 20})
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrNotCDF) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		for i := range file.Vars {
			v := &file.Vars[i]
			if v.Len() > int64(len(b)) {
				t.Fatalf("variable %q: %d values in %d bytes", v.Name, v.Len(), len(b))
			}
			start, stride := make([]int64, len(v.Shape)), make([]int64, len(v.Shape))
			count := append([]int64(nil), v.Shape...)
			for j := range stride {
				stride[j] = 1
				if v.Shape[j] > 1 {
					start[j], stride[j], count[j] = 1, 2, v.Shape[j]/2
				}
			}
			dst := MakeSlice(v.Type, int(v.Len()))
			if err := file.Read(i, make([]int64, len(v.Shape)), v.Shape, nil, dst); err != nil {
				t.Fatal(err)
			}
			if err := file.Read(i, start, count, stride, dst); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkAppendFloat32(b *testing.B) {
	values := make([]float32, 12*64*64)
	dst := make([]byte, 0, 4*len(values))
	b.SetBytes(int64(4 * len(values)))
	for b.Loop() {
		dst = AppendFloat32(dst[:0], values)
	}
}
