package netcdf_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"healpipe/internal/testenv"
	"healpipe/netcdf"
)

// python runs a script of this package's testdata and returns its output.
func python(t testing.TB, script string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(testenv.Python(t), append([]string{filepath.Join("testdata", script)}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, stderr.String())
	}
	return out
}

// written runs a script that writes files into a new folder and returns their paths.
func written(t testing.TB, script string, args ...string) []string {
	t.Helper()
	return strings.Fields(string(python(t, script, append([]string{t.TempDir()}, args...)...)))
}

// array is a value as the oracle prints it.
type array struct {
	Type    string   `json:"type"`
	Shape   []int    `json:"shape"`
	Data    string   `json:"data"`
	Strings []string `json:"strings"`
	Text    bool     `json:"text"`
}

// values returns the array as a slice of the Go type that its numpy type has.
func (a array) values(t testing.TB) any {
	t.Helper()
	if a.Type == "string" || a.Type == "any" {
		if a.Strings == nil {
			return []string{}
		}
		return a.Strings
	}
	raw, err := base64.StdEncoding.DecodeString(a.Data)
	if err != nil {
		t.Fatal(err)
	}
	make := map[string]any{"i1": []int8{}, "u1": []uint8{}, "i2": []int16{}, "u2": []uint16{}, "i4": []int32{}, "u4": []uint32{},
		"i8": []int64{}, "u8": []uint64{}, "f4": []float32{}, "f8": []float64{}}[a.Type]
	if make == nil {
		t.Fatalf("the oracle printed type %q", a.Type)
	}
	typ := reflect.TypeOf(make)
	out := reflect.MakeSlice(typ, len(raw)/int(typ.Elem().Size()), len(raw)/int(typ.Elem().Size())).Interface()
	if err := binary.Read(bytes.NewReader(raw), binary.LittleEndian, out); err != nil {
		t.Fatal(err)
	}
	return out
}

type named struct {
	Name  string
	Value array
}

func (n *named) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &[]any{&n.Name, &n.Value}) }

type oracleDim struct {
	Name      string
	Len       int
	Unlimited bool
}

func (d *oracleDim) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&d.Name, &d.Len, &d.Unlimited})
}

type oracleVar struct {
	array
	Name   string
	Dims   []string
	Attrs  []named
	Chunks []int
}

type oracleGroup struct {
	Format string
	Dims   []oracleDim
	Vars   []oracleVar
	Attrs  []named
	Groups map[string]oracleGroup
}

// libnetcdf reads files by netCDF4-python.
func libnetcdf(t testing.TB, files ...string) map[string]oracleGroup {
	t.Helper()
	var out map[string]oracleGroup
	if err := json.Unmarshal(python(t, "oracle.py", files...), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// bits makes floats comparable, NaN included.
var bits = cmp.Options{
	cmp.Comparer(func(a, b float32) bool { return fmt.Sprintf("%b", a) == fmt.Sprintf("%b", b) || a != a && b != b }),
	cmp.Comparer(func(a, b float64) bool { return fmt.Sprintf("%b", a) == fmt.Sprintf("%b", b) || a != a && b != b }),
}

func same(a, b any) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	return reflect.TypeOf(a) == reflect.TypeOf(b) && cmp.Equal(a, b, bits)
}

// compareGroup compares a group of a file with what the oracle read.
func compareGroup(t *testing.T, g *netcdf.Group, want oracleGroup) {
	t.Helper()
	var dims []oracleDim
	for _, d := range g.Dims {
		dims = append(dims, oracleDim{d.Name, d.Len, d.Unlimited})
	}
	if d := cmp.Diff(want.Dims, dims, cmp.Transformer("nil", func(d []oracleDim) []oracleDim { return append([]oracleDim{}, d...) })); d != "" {
		t.Errorf("%s: dimensions (-libnetcdf +ours)\n%s", g.Path, d)
	}
	attrs, err := g.Attrs()
	if err != nil {
		t.Error(err)
	}
	compareAttrs(t, g.Path, attrs, want.Attrs)
	var names, wantNames []string
	for _, v := range g.Vars {
		names = append(names, v.Name)
	}
	for _, v := range want.Vars {
		wantNames = append(wantNames, v.Name)
	}
	if d := cmp.Diff(wantNames, names); d != "" {
		t.Fatalf("%s: variables (-libnetcdf +ours)\n%s", g.Path, d)
	}
	for i, v := range g.Vars {
		compareVar(t, v, want.Vars[i])
	}
	if len(g.Groups) != len(want.Groups) {
		t.Errorf("%s has %d groups, libnetcdf says %d", g.Path, len(g.Groups), len(want.Groups))
	}
	for _, sub := range g.Groups {
		compareGroup(t, sub, want.Groups[sub.Name])
	}
}

func compareVar(t *testing.T, v *netcdf.Var, want oracleVar) {
	t.Helper()
	var dims []string
	for _, d := range v.Dims {
		dims = append(dims, d.Name)
	}
	if !slices.Equal(dims, want.Dims) {
		t.Errorf("%s has dimensions %v, libnetcdf says %v", v.Path, dims, want.Dims)
	}
	if !slices.Equal(v.Shape, want.Shape) {
		t.Errorf("%s has shape %v, libnetcdf says %v", v.Path, v.Shape, want.Shape)
		return
	}
	if !slices.Equal(v.ChunkShape, want.Chunks) {
		t.Errorf("%s has chunks %v, libnetcdf says %v", v.Path, v.ChunkShape, want.Chunks)
	}
	attrs, err := v.Attrs()
	if err != nil {
		t.Error(err)
	}
	compareAttrs(t, v.Path, attrs, want.Attrs)
	compareValues(t, v, want.array)
}

func compareValues(t *testing.T, v *netcdf.Var, want array) {
	t.Helper()
	got, err := v.Values(t.Context())
	if err != nil {
		t.Error(err)
		return
	}
	if v.Type.Kind == netcdf.Char { // numpy has bytes
		text := make([]string, v.Len())
		for i, c := range got.([]uint8) {
			text[i] = strings.TrimRight(valid(string([]byte{c})), "\x00")
		}
		got = text
	}
	if want.Type == "null" {
		return
	}
	got = flatten(got, v.Type)
	if want.Type == "any" {
		got = canonList(got)
	}
	if w := want.values(t); !same(got, w) {
		t.Errorf("%s: values differ: %s", v.Path, firstDiff(got, w))
	}
}

// flatten puts the elements of array types one after the other, as numpy takes them into the shape.
func flatten(values any, typ *netcdf.Type) any {
	for ; typ.Kind == netcdf.Array; typ = typ.Base {
		list := values.([]any)
		if len(list) == 0 {
			return values
		}
		flat := reflect.ValueOf(list[0])
		for _, x := range list[1:] {
			flat = reflect.AppendSlice(flat, reflect.ValueOf(x))
		}
		values = flat.Interface()
	}
	return values
}

// valid replaces each byte that is no UTF-8, as JSON decoding does with what Python prints for it.
func valid(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteRune(r)
	}
	return b.String()
}

// canonList prints each value of a slice as the oracle's canon does.
func canonList(values any) []string {
	v := reflect.ValueOf(values)
	out := make([]string, v.Len())
	for i := range out {
		out[i] = canon(v.Index(i).Interface())
	}
	return out
}

func canon(v any) string {
	switch x := v.(type) {
	case string:
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		_ = e.Encode(x)
		return strings.TrimSpace(b.String())
	case []byte:
		return hex.EncodeToString(x)
	case netcdf.Record:
		return "(" + strings.Join(canonList([]any(x)), ",") + ")"
	case float32:
		return canon(float64(x))
	case float64:
		if x != x {
			return "nan"
		}
		return fmt.Sprintf("%016x", math.Float64bits(x))
	}
	if reflect.TypeOf(v).Kind() == reflect.Slice {
		return "[" + strings.Join(canonList(v), ",") + "]"
	}
	return fmt.Sprint(v)
}

func firstDiff(got, want any) string {
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	if g.Type() != w.Type() || g.Len() != w.Len() {
		return fmt.Sprintf("%T of %d, not %T of %d", got, g.Len(), want, w.Len())
	}
	for i := range g.Len() {
		if !same(g.Index(i).Interface(), w.Index(i).Interface()) {
			return fmt.Sprintf("at %d %v, not %v", i, g.Index(i), w.Index(i))
		}
	}
	return "?"
}

func compareAttrs(t *testing.T, where string, got []netcdf.Attr, want []named) {
	t.Helper()
	var names, wantNames []string
	for _, a := range got {
		names = append(names, a.Name)
	}
	for _, a := range want {
		wantNames = append(wantNames, a.Name)
	}
	if d := cmp.Diff(wantNames, names); d != "" {
		t.Errorf("%s: attributes (-libnetcdf +ours)\n%s", where, d)
		return
	}
	for i, a := range got {
		if a.Err != nil {
			t.Error(a.Err)
			continue
		}
		var value any = a.Value
		if s, ok := a.Text(); ok {
			value = []string{valid(s)}
		}
		if want[i].Value.Type == "null" {
			if a.Len() != 0 {
				t.Errorf("%s: attribute %s has %d values", where, a.Name, a.Len())
			}
			continue
		}
		value = flatten(value, a.Type)
		if want[i].Value.Type == "any" {
			value = canonList(value)
		}
		if w := want[i].Value.values(t); !same(value, w) {
			t.Errorf("%s: attribute %s is %.80v (%T), libnetcdf says %.80v (%T)", where, a.Name, value, value, w, w)
		}
	}
}

func open(t testing.TB, path string) *netcdf.File {
	t.Helper()
	f, err := netcdf.OpenFile(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestNetCDF4Python compares everything in the files that netCDF4-python writes with what it reads back.
func TestNetCDF4Python(t *testing.T) {
	t.Parallel()
	files := written(t, "netcdf4_files.py")
	want := libnetcdf(t, files...)
	formats := map[netcdf.Format]string{netcdf.NetCDF4: "NETCDF4", netcdf.NetCDF4Classic: "NETCDF4_CLASSIC",
		netcdf.CDF1: "NETCDF3_CLASSIC", netcdf.CDF2: "NETCDF3_64BIT_OFFSET", netcdf.CDF5: "NETCDF3_64BIT_DATA"}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			f := open(t, path)
			if got := formats[f.Format()]; got != want[path].Format {
				t.Errorf("format %s, libnetcdf says %s", got, want[path].Format)
			}
			compareGroup(t, f.Root(), want[path])
		})
	}
}

// TestFixtures compares the archive's layout and CDO's answers, all files of tests/testdata/cdo.
func TestFixtures(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(testenv.Path("tests", "testdata", "cdo", "*.nc"))
	if err != nil || len(files) == 0 {
		t.Fatal("no fixtures", err)
	}
	want := libnetcdf(t, files...)
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			compareGroup(t, open(t, path).Root(), want[path])
		})
	}
}
