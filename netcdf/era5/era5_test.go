package era5

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// TestWrite lets netCDF4-python, so libnetcdf, compare our file with one of make_era5.py of the same shape.
func TestWrite(t *testing.T) {
	t.Parallel()
	start := time.Date(2000, 2, 28, 22, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		spec Spec
		kind string
		args []string
	}{
		{Spec{Kind: Surface, Name: "2t", Units: "K", Table: 128, Param: 167, Hours: 30, Rows: 181, Cols: 360}, "sfc", []string{"--hours", "30"}},
		{Spec{Kind: Surface, Name: "sstk", Units: "K", Table: 128, Param: 34, Hours: 3, Rows: 181, Cols: 360, Masked: true}, "sfc", []string{"--hours", "3"}},
		{Spec{Kind: PressureLevel, Name: "u", Units: "K", Table: 128, Param: 131, Hours: 2, Rows: 91, Cols: 180}, "pl", []string{"--hours", "2"}},
		{Spec{Kind: Accumulated, Name: "tp", Units: "m", Hours: 4, Rows: 91, Cols: 180}, "tp", []string{"--hours", "4"}},
	} {
		t.Run(c.spec.FileName(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c.spec.Start = start
			ours := filepath.Join(dir, c.spec.FileName())
			f, err := os.Create(ours)
			if err != nil {
				t.Fatal(err)
			}
			if err := Write(context.Background(), f, c.spec); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			grid := "181x360"
			if c.spec.Rows == 91 {
				grid = "91x180"
			}
			theirs := testenv.ERA5(t, c.kind, c.spec.Name, filepath.Join(dir, "theirs.nc"), append(c.args, "--start", "2000022822", "--grid", grid)...)
			var faults []string
			if err := json.Unmarshal([]byte(testenv.RunPython(t, compare, ours, theirs)), &faults); err != nil {
				t.Fatal(err)
			}
			for _, fault := range faults {
				t.Error(fault)
			}
		})
	}
}

const compare = `
import json, sys, netCDF4, numpy as np
a, b = (netCDF4.Dataset(p) for p in sys.argv[1:])
faults = []
def same(what, x, y):
    if x != y: faults.append(f"{what}: {x} and {y}")
same("dimensions", {k: len(d) for k, d in a.dimensions.items()}, {k: len(d) for k, d in b.dimensions.items()})
same("attributes", a.__dict__, b.__dict__)
same("variables", list(a.variables), list(b.variables))
for name, v in a.variables.items():
    w = b.variables[name]
    same(name + " type", str(v.dtype), str(w.dtype))
    same(name + " dimensions", v.dimensions, w.dimensions)
    same(name + " chunks", v.chunking(), w.chunking())
    same(name + " filters", v.filters(), w.filters())
    same(name + " attributes", {k: str(x) for k, x in v.__dict__.items()}, {k: str(x) for k, x in w.__dict__.items()})
    if v.ndim < 3: same(name + " values", v[:].tolist(), w[:].tolist())
data = list(a.variables.values())[-1][:]
if not np.isfinite(data).all() or np.ma.std(data) == 0: faults.append("the field is flat or not finite")
if ("sstk" in sys.argv[1]) != bool(np.ma.getmaskarray(data).any()): faults.append("the mask is wrong")
print(json.dumps(faults))
`
