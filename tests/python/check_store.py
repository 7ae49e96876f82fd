"""check_store.py STORE FILE...: the store, opened by xarray and zarr-python, holds exactly the values of the
regridded FILEs (NaN where missing) at the right hours. Prints one JSON object."""
import json
import sys

import numpy as np
import xarray as xr
import zarr

store, files = sys.argv[1], sys.argv[2:]
ds = xr.open_zarr(store)
report = {"values": 0, "missing": 0, "different": 0, "files": 0, "arrays": sorted(zarr.open_group(store, mode="r").array_keys())}
for path in files:
    with xr.open_dataset(path) as f:
        for var in f.data_vars.values():
            name = var.attrs.get("short_name")
            if not name or "time" not in var.dims:
                continue
            want = var.values
            got = ds[name].sel(time=var.time).values
            assert got.shape == want.shape and got.dtype == np.float32, (path, got.shape, want.shape, got.dtype)
            same = (got.view("u4") == want.view("u4")) | (np.isnan(got) & np.isnan(want))
            report["values"] += int(want.size)
            report["missing"] += int(np.isnan(want).sum())
            report["different"] += int((~same).sum())
            report["files"] += 1
levels = [n for n in ("z", "t", "u", "v", "q") if n in ds]
if levels:
    report["levels"] = ds["levels"].values.tolist()
print(json.dumps(report))
