package zarr_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"healpipe/internal/testenv"
	"healpipe/zarr"
)

// TestReadVersion2 reads what zarr-python writes as version 2, through .zmetadata and without.
func TestReadVersion2(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	st, dir := localStore(t)
	out := testenv.RunPython(t, `
import sys, json, warnings, numcodecs as nc, numpy as np, zarr
warnings.simplefilter("ignore")
rng = np.random.default_rng(7)
g = zarr.open_group(sys.argv[1], mode="w", zarr_format=2, attributes={"title": "version 2"})
names = []
def add(name, dtype, shape=(7, 4, 10), chunks=(3, 2, 10), **kw):
    dtype = np.dtype(dtype)
    n = int(np.prod(shape))
    a = np.frombuffer(rng.bytes(n * dtype.itemsize), dtype).reshape(shape)
    if dtype == bool:
        a = rng.integers(0, 2, shape).astype(bool)
    z = g.create_array(name, shape=shape, chunks=chunks, dtype=dtype, **kw)
    if shape:
        z[:5] = a[:5]
    else:
        z[...] = a
    z.attrs["name"] = name
    np.ascontiguousarray(z[...]).astype(dtype.newbyteorder("=")).tofile(sys.argv[1] + "/" + name.replace("/", "_") + ".raw")
    names.append(name)
for t in ["?", "i1", "u1", "<i2", ">i2", "<u2", "<i4", ">i4", "<u4", ">u4", "<i8", ">i8", "<u8", ">u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<c8", ">c8", "<c16", ">c16"]:
    add("type" + t.replace("<", "little").replace(">", "big").replace("?", "bool"), t, compressors=nc.Zstd(3))
for i, c in enumerate([None, nc.GZip(5), nc.Zlib(5), nc.LZ4(), nc.Zstd(1)] + [nc.Blosc(n, 5, s) for n in ("lz4", "zstd", "zlib", "blosclz", "lz4hc") for s in (0, 1, 2)]):
    add(f"codec{i}", "<f4", compressors=c)
    add(f"codec{i}big", ">f8", compressors=c, order="F")
add("slash", "<f4", chunk_key_encoding={"name": "v2", "separator": "/"})
add("scalar", "<f8", shape=(), chunks=())
add("none", "<f4", fill_value=None)
add("nan", "<f4", fill_value=float("nan"))
add("inf", "<f8", fill_value=float("-inf"))
add("seven", "<i4", fill_value=7)
add("true", "?", fill_value=True)
add("below/deep", "<i4")
print(json.dumps(names))
`, dir)
	var names []string
	if err := json.Unmarshal([]byte(out), &names); err != nil {
		t.Fatal(err)
	}
	check := func(how string) {
		g := must(zarr.OpenGroup(ctx, st, "", zarr.Options{}))(t)
		if got := g.Attributes(); !reflect.DeepEqual(got, map[string]any{"title": "version 2"}) {
			t.Errorf("%s: the group's attributes are %v", how, got)
		}
		for _, name := range names {
			a, err := g.Array(ctx, name)
			if err != nil {
				t.Errorf("%s: %v", how, err)
				continue
			}
			if a.Attributes()["name"] != name {
				t.Errorf("%s: %s: attributes %v", how, name, a.Attributes())
			}
			raw := filepath.Join(dir, name+".raw")
			if name == "below/deep" {
				raw = filepath.Join(dir, "below_deep.raw")
			}
			want := must(os.ReadFile(raw))(t)
			got := make([]byte, len(want))
			if err := readAny(a, wholeOf(a), got); err != nil {
				t.Errorf("%s: %v", how, err)
			} else if string(got) != string(want) {
				t.Errorf("%s: %s: other values", how, name)
			}
			if err := writeAny(a, wholeOf(a), got); !errors.Is(err, zarr.ErrUnsupported) {
				t.Errorf("%s: writing gives %v", name, err)
			}
		}
	}
	check("one by one")
	arrays, groups, err := must(zarr.OpenGroup(ctx, st, "", zarr.Options{}))(t).Members(ctx)
	if len(arrays) != len(names) || len(groups) != 1 || err != nil {
		t.Errorf("%d arrays of %d, groups %v, %v", len(arrays), len(names), groups, err)
	}
	testenv.RunPython(t, `import sys, zarr; zarr.consolidate_metadata(sys.argv[1], zarr_format=2)`, dir)
	for _, doc := range must(filepath.Glob(filepath.Join(dir, "*", ".zarray")))(t) {
		if err := os.Remove(doc); err != nil { // so that .zmetadata must be what is read
			t.Fatal(err)
		}
	}
	check("consolidated")
}

// TestRefusedVersion2 opens version 2 arrays that this package must not misread: the message names what it lacks.
func TestRefusedVersion2(t *testing.T) {
	t.Parallel()
	const doc = `{"zarr_format": 2, "shape": [4], "chunks": [2], "dtype": "<f4", "order": "C", "compressor": null, "filters": null, "fill_value": 0}`
	for _, c := range []struct {
		old, new string
		is       error
		says     string
	}{
		{`"filters": null`, `"filters": [{"id": "delta", "dtype": "<f4"}]`, zarr.ErrUnsupported, `filter "delta"`},
		{`"compressor": null`, `"compressor": {"id": "bz2", "level": 1}`, zarr.ErrUnsupported, `compressor "bz2"`},
		{`"compressor": null`, `"compressor": "zstd"`, zarr.ErrCorrupt, `compressor "zstd"`},
		{`"<f4"`, `"<M8[ns]"`, zarr.ErrUnsupported, `data type "<M8[ns]"`},
		{`"<f4"`, `"|S4"`, zarr.ErrUnsupported, `data type "|S4"`},
		{`"<f4"`, `[["a", "<f4"], ["b", "<i2"]]`, zarr.ErrUnsupported, `data type [ [ "a", "<f4" ], [ "b", "<i2" ] ]`},
		{`"order": "C"`, `"order": "K"`, zarr.ErrCorrupt, `order "K"`},
		{`"chunks": [2]`, `"chunks": true`, zarr.ErrCorrupt, "chunks true"},
		{`"chunks": [2]`, `"chunks": [2, 2]`, zarr.ErrInvalid, "chunk shape [2 2]"},
		{`"fill_value": 0`, `"fill_value": "AAAA"`, zarr.ErrInvalid, `fill value "AAAA"`},
		{`"zarr_format": 2`, `"zarr_format": 1`, zarr.ErrUnsupported, "zarr_format is 1"},
		{`"filters": null`, `"dimension_separator": "-"`, zarr.ErrInvalid, `separator "-"`},
	} {
		st, _ := localStore(t)
		if err := st.Put(t.Context(), "a/.zarray", []byte(strings.Replace(doc, c.old, c.new, 1))); err != nil {
			t.Fatal(err)
		}
		_, err := zarr.OpenArray(t.Context(), st, "a", zarr.Options{})
		if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), st.String()+"/a") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.new, err)
		}
	}
}
