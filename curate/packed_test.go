package curate

import (
	"testing"

	"healpipe/internal/testenv"
)

// TestUnsigned compares packed bytes that the attribute _Unsigned says to be unsigned with what xarray reads.
func TestUnsigned(t *testing.T) {
	t.Parallel()
	s := newSite(t, small())
	s.init()
	testenv.RunPython(t, `
import sys
import netCDF4, numpy as np
with netCDF4.Dataset(sys.argv[1], "w", format="NETCDF3_64BIT_OFFSET") as d:
    d.createDimension("time", None)
    d.createDimension("cells", 48)
    t = d.createVariable("time", "f8", ("time",))
    t.units, t[:] = "hours since 1900-01-01", 876528 + np.arange(3)
    v = d.createVariable("MSL", "i1", ("time", "cells"), fill_value=np.int8(-1))
    v.setncatts({"short_name": "msl", "_Unsigned": "true", "scale_factor": 0.5, "add_offset": 100.0})
    v.set_auto_maskandscale(False)
    v[:] = np.arange(144).reshape(3, 48).astype("u1").view("i1") + np.int8(112)
`, s.file("packed.nc"))
	if err := s.store.Process(t.Context(), s.in, "packed.nc"); err != nil {
		t.Fatal(err)
	}
	testenv.RunPython(t, `
import sys
import numpy as np, xarray, zarr
want = xarray.open_dataset(sys.argv[1])["MSL"].values.astype("f4")
got = zarr.open_group(sys.argv[2], mode="r")["msl"][:3]
np.testing.assert_array_equal(got, want)
assert np.isnan(want).any() and want[~np.isnan(want)].min() >= 100, want
`, s.file("packed.nc"), s.goStore())
}
