package regrid

import (
	"path/filepath"
	"strings"
	"testing"

	"healpipe/internal/testenv"
	"healpipe/netcdf"
	"healpipe/regrid/healpix"
)

// fileValues reads every variable on HEALPix cells, missing values as NaN.
func fileValues(t testing.TB, path string) map[string][][]float32 {
	t.Helper()
	f, err := netcdf.OpenFile(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string][][]float32{}
	for _, v := range f.Root().Vars {
		if v.Text("grid_mapping") == "" {
			continue
		}
		values, err := netcdf.ReadAll[float64](t.Context(), v)
		if err != nil {
			t.Fatal(err)
		}
		p, err := v.Packing()
		if err != nil {
			t.Fatal(err)
		}
		all := make([]float32, len(values))
		for i, x := range values {
			for _, m := range p.Missing {
				if x == m {
					x = nan
				}
			}
			all[i] = float32(x)
		}
		out[v.Name] = [][]float32{all}
	}
	return out
}

func TestVariantsAgainstCDO(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*.hp32.nc")
	if err != nil || len(paths) < 12 {
		t.Fatalf("only %d references in testdata: %v", len(paths), err)
	}
	r := Regridder{Target: Target{Nside: 32, Intermediate: 128}}
	for _, want := range paths {
		name := strings.TrimSuffix(filepath.Base(want), ".hp32.nc")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _ := regridFile(t, &r, "testdata/"+name+".nc")
			sameAsCDO(t, got, want)
		})
	}
	for _, c := range []struct {
		name   string
		target Target
		want   string
	}{
		{"half_mask", Target{Nside: 16, Intermediate: 64}, "half_mask.hp16of64.nc"},
		{"half", Target{Nside: 32, Intermediate: 512}, "half.hp32of512.nc"},
		{"half", Target{Nside: 128, Intermediate: 256}, "half.hp128of256.nc"},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			r := Regridder{Target: c.target}
			got, _ := regridFile(t, &r, "testdata/"+c.name+".nc")
			sameAsCDO(t, got, "testdata/"+c.want)
		})
	}
	t.Run("ring order", func(t *testing.T) {
		t.Parallel()
		r := Regridder{Target: Target{Nside: 16, Intermediate: 128, Order: healpix.Ring}}
		got, _ := regridFile(t, &r, "testdata/half_mask.nc")
		sameAsCDO(t, got, "testdata/half_mask.ring16.nc")
	})
}

// A chunk without filters is used as it was read: its bytes must stay while others are read. CDO's answer does not
// depend on how its input is stored.
func TestChunksWithoutFilters(t *testing.T) {
	t.Parallel()
	for name, filter := range map[string]string{"none": "", "shuffle": "shuffle", "fletcher32": "fletcher32"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "half_mask.nc")
			testenv.RunPython(t, `
import sys, h5py
src, dst, filter = sys.argv[1:]
with h5py.File(src) as f, h5py.File(dst, "w") as g:
    for name in f.keys():
        d = f[name]
        kw = dict(chunks=(1, 30, 60), **({filter: True} if filter else {})) if name == "x" else {}
        n = g.create_dataset(name, data=d[()], **kw)
        for k, v in d.attrs.items():
            if k not in ("DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME", "_Netcdf4Dimid", "_Netcdf4Coordinates"):
                n.attrs[k] = v
    for name in "time", "latitude", "longitude":
        g[name].make_scale(name)
    for i, name in enumerate(("time", "latitude", "longitude")):
        g["x"].dims[i].attach_scale(g[name])
`, testenv.Path("regrid", "testdata", "half_mask.nc"), path, filter)
			r := Regridder{Target: Target{Nside: 32, Intermediate: 128}}
			got, _ := regridFile(t, &r, path)
			w := fileValues(t, "testdata/half_mask.hp32.nc")
			for name, g := range fileValues(t, got) {
				compare(t, g, w[name]).check(t)
			}
		})
	}
}

// sameAsCDO compares headers and values.
func sameAsCDO(t *testing.T, got, want string) {
	t.Helper()
	if g, w := header(t, got), header(t, want); g != w {
		t.Errorf("header differs.\ngot\n%s\nwant\n%s", g, w)
	}
	w := fileValues(t, want)
	for name, g := range fileValues(t, got) {
		compare(t, g, w[name]).check(t)
	}
}
