package curate

import (
	"strings"
	"testing"

	"healpipe/internal/testenv"
	"healpipe/storage"
)

// TestGridMapping reads what CF software reads: the grid mapping by the attribute, and the cells' coordinate
// by its standard name.
func TestGridMapping(t *testing.T) {
	t.Parallel()
	l := small()
	l.GridMapping = true
	dir := t.TempDir()
	s, err := Open(storage.NewLocal(dir), l, Options{})
	if err != nil {
		t.Fatal(err)
	}
	created, err := s.Init(t.Context(), someLevels(5))
	if err != nil || len(created) != 22 {
		t.Fatal(created, err)
	}
	if created, err := s.Init(t.Context(), noLevels); err != nil || len(created) != 0 {
		t.Fatal(created, err)
	}
	out := testenv.RunPython(t, `
import sys, warnings
warnings.simplefilter("ignore")
import numpy as np, xarray as xr
ds = xr.open_zarr(sys.argv[1], decode_coords="all")
assert "crs" in ds.coords and ds["crs"].dims == (), ds
for name in ("2t", "u"):
    assert ds[name].encoding["grid_mapping"] == "crs" and "cell_ids" in ds[name].coords, ds[name]
assert dict(ds.crs.attrs) == {"grid_mapping_name": "healpix", "refinement_level": 1, "indexing_scheme": "nested"}, ds.crs.attrs
assert ds.cell_ids.attrs["standard_name"] == "healpix_index" and ds.cell_ids.dims == ("cells",)
assert np.array_equal(ds.cell_ids.values, np.arange(48))
print("ok")`, dir)
	if strings.TrimSpace(out) != "ok" {
		t.Fatal(out)
	}
	// An older store without it gets the two arrays, and its variables stay as they are.
	old := storage.NewMemory()
	if s, err = Open(old, small(), Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Init(t.Context(), someLevels(5)); err != nil {
		t.Fatal(err)
	}
	before, _, err := old.Get(t.Context(), "u/zarr.json")
	if err != nil {
		t.Fatal(err)
	}
	if s, err = Open(old, l, Options{}); err != nil {
		t.Fatal(err)
	}
	if created, err := s.Init(t.Context(), noLevels); err != nil || strings.Join(created, " ") != "cell_ids crs" {
		t.Fatal(created, err)
	}
	if after, _, err := old.Get(t.Context(), "u/zarr.json"); err != nil || string(after) != string(before) {
		t.Error("u was changed", err)
	}
}
