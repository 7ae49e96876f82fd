package netcdf_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"healpipe/internal/testenv"
)

// TestPacking compares Packing with xarray's decoding, also that xarray's default files are read.
func TestPacking(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "packed.nc")
	out := testenv.RunPython(t, `
import sys, json, numpy as np, xarray as xr
a = np.array([[1.5, np.nan, 280.25], [300, 250, 273.15]])
ds = xr.Dataset({n: (("y", "x"), a) for n in ("packed", "plain", "filled", "missing")}, {"x": [0.0, 1, 2]}, {"history": "h"})
ds["flag"] = ("x", np.array([True, False, True]))
ds["name"] = ("x", ["a", "bc", ""])
enc = {"packed": dict(dtype="i2", scale_factor=0.01, add_offset=200.0, _FillValue=-32767, zlib=True), "filled": dict(dtype="f4", _FillValue=np.float32(9.999e20)),
       "missing": dict(dtype="f4", missing_value=np.float32(-1e10), _FillValue=np.float32(-1e10))}
ds.to_netcdf(sys.argv[1], encoding=enc)
import netCDF4
with netCDF4.Dataset(sys.argv[1], "a") as nc:
    nc.set_auto_maskandscale(False)
    for n, t, unsigned, attrs in (("ubyte", "i1", "true", dict(scale_factor=0.5, add_offset=1.0)), ("ushort", "i2", "true", dict(scale_factor=2.0)),
                                  ("signed", "u1", "false", dict(add_offset=1.0)), ("same", "i2", "false", dict(scale_factor=2.0)), ("float", "f4", "true", dict(scale_factor=2.0))):
        v = nc.createVariable(n, t, ("y", "x"), fill_value=5)
        v.set_auto_maskandscale(False)
        v._Unsigned = unsigned
        v.setncatts(attrs)
        v[:] = np.array([[0, 1, 5], [100, 127, 200]]).astype("u1").view(t) if t[1] == "1" else np.array([[0, 1, 5], [-1, -32768, 32767]], t)
back = xr.open_dataset(sys.argv[1])
print(json.dumps({n: [None if v != v else v for v in back[n].astype("f8").values.ravel().tolist()]
                  for n in ("packed", "plain", "filled", "missing", "ubyte", "ushort", "signed", "same", "float")}))
`, path)
	var want map[string][]*float64
	if err := json.Unmarshal([]byte(out), &want); err != nil {
		t.Fatal(err)
	}
	f := open(t, path)
	for name, w := range want {
		v, err := f.Var(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := v.Packing()
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float64, v.Len())
		if err := v.Read(t.Context(), got, nil, nil, nil); err != nil {
			t.Fatal(err)
		}
		p.Apply(got)
		for i, x := range got {
			if w[i] == nil {
				if x == x {
					t.Errorf("%s[%d] = %v, xarray says missing", name, i, x)
				}
			} else if x != *w[i] {
				t.Errorf("%s[%d] = %v, xarray says %v", name, i, x, *w[i])
			}
		}
	}
	libnc := libnetcdf(t, path)
	compareGroup(t, f.Root(), libnc[path])
}
