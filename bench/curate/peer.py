"""The peer of bench/curate: the pipeline's process by xarray and zarr-python, and the files for it.

    peer.py make DIR                        surface.nc (744 h) and levels.nc (24 h x 37 levels), nside 64
    peer.py process STORE FILE              prints the seconds without imports
    peer.py same STORE STORE                equal values of 2t and u where the files wrote?
"""
import sys
import time

import numpy as np


def make(folder):
    import netCDF4

    nside, nlev = 64, 37
    ncell = 12 * nside**2
    rng = np.random.default_rng(1)
    # The cells' places without healpy: nested pixels are near their neighbours, which is what matters here.
    import healpy

    theta, phi = healpy.pix2ang(nside, np.arange(ncell), nest=True)
    base = 288 - 45 * np.cos(theta) ** 2 + 6 * np.sin(3 * phi) * np.sin(theta)

    def field(t, level=0):
        x = base + 4 * np.sin(theta) * np.sin(phi + 2 * np.pi * t / 24) - 2 * level + rng.normal(0, 0.3, ncell)
        return x.astype("f4")

    def create(name, short, hours, levels):
        with netCDF4.Dataset(f"{folder}/{name}", "w", format="NETCDF3_64BIT_OFFSET") as ds:
            ds.createDimension("time", None)
            ds.createDimension("cells", ncell)
            t = ds.createVariable("time", "i4", ("time",))
            t.setncatts({"units": "hours since 1900-01-01 00:00:00", "calendar": "gregorian"})
            dims = ("time", "cells")
            if levels:
                ds.createDimension("level", nlev)
                lev = ds.createVariable("level", "f8", ("level",))
                lev.units = "hPa"
                lev[:] = np.arange(1, nlev + 1)
                dims = ("time", "level", "cells")
            v = ds.createVariable(short.upper(), "f4", dims, fill_value=np.float32(9.999e20))
            v.short_name, v.missing_value = short, np.float32(9.999e20)
            first = 876576  # 2000-01-01 00:00
            t[:] = np.arange(first, first + hours)
            for i in range(hours):
                v[i] = np.stack([field(i, k) for k in range(nlev)]) if levels else field(i)

    create("surface.nc", "msl", 744, False)
    create("levels.nc", "u", 24, True)


def process(store, path):
    import pandas as pd
    import xarray as xr
    import zarr

    start = time.perf_counter()
    axis = pd.date_range("1940", "2100", freq="1h")
    group = zarr.open_group(store, mode="r+")
    with xr.open_dataset(path) as ds:
        for var in ds.data_vars.values():
            name = var.attrs.get("short_name")
            if name and "time" in var.dims:
                first = axis.get_loc(pd.Timestamp(var.time.values[0]))
                group[name][first : first + var.sizes["time"]] = var.values
    print(time.perf_counter() - start)


def same(a, b):
    import zarr

    first = 525960  # 2000-01-01 00:00 on the axis
    for name, n in (("msl", 744), ("u", 24)):
        x, y = (zarr.open_group(s, mode="r")[name][first : first + n] for s in (a, b))
        assert x.tobytes() == y.tobytes() and x.any(), name


if __name__ == "__main__":
    {"make": make, "process": process, "same": same}[sys.argv[1]](*sys.argv[2:])
