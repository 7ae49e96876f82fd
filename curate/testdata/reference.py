"""The original that package curate is compared with: xarray and zarr-python do what the Go code does.

    reference.py init STORE CONF UFILE      the store's arrays, levels from UFILE
    reference.py process STORE CONF FILE... xarray reads, zarr-python writes
    reference.py make SPECS                 regridded files as CDO writes them (classic, 64-bit offsets); SPECS is
                                            a file with an object {OUT: SPEC}
    reference.py compare GOT WANT           documents, chunk keys and all values of two stores
    reference.py documents GOT WANT         the documents alone, and the values of time and levels
    reference.py statistics FILE...         count, mean, std, min, max by numpy for each variable and level
    reference.py read STORE                 what xarray.open_zarr sees, as JSON

CONF and SPEC are JSON objects; see the functions.
"""
import json
import pathlib
import sys
import warnings

import netCDF4
import numpy as np
import pandas as pd
import xarray as xr
import zarr

warnings.filterwarnings("ignore", category=UserWarning)  # consolidated metadata in version 3

SURFACE = ["tclw", "tciw", "2t", "10u", "10v", "msl", "tp", "sstk", "ci", "2d", "tcwv", "100u", "100v"]
LEVELS = ["z", "t", "u", "v", "q"]


def axis(conf):
    return pd.date_range(conf["start"], conf["end"], freq=conf["freq"])


def init(store, conf, ufile):
    conf = json.loads(conf)
    times, chunk, ncell, nlev = axis(conf), conf["time_chunk"], 12 * 4 ** conf["level"], conf["levels"]
    group = zarr.open_group(store, mode="a")
    for name in SURFACE:
        group.create_array(name, shape=(len(times), ncell), dtype="f4", chunks=(chunk, ncell),
                           dimension_names=["time", "cells"], attributes={"_ARRAY_DIMENSIONS": ["time", "cells"]})
    for name in LEVELS:
        group.create_array(name, shape=(len(times), nlev, ncell), dtype="f4", chunks=(chunk, 1, ncell),
                           shards=(chunk, nlev, ncell), dimension_names=["time", "levels", "cells"])
    time = group.create_array("time", shape=(len(times),), dtype="i8", chunks=(len(times),), dimension_names=["time"],
                              attributes={"units": conf["units"], "calendar": "standard"})
    unit = pd.Timedelta(1, conf["units"].split()[0].rstrip("s"))
    time[:] = np.asarray((times - pd.Timestamp(conf["epoch"])) / unit).round().astype("i8")
    with xr.open_dataset(ufile) as ds:
        attrs = {k: v.item() if hasattr(v, "item") else v for k, v in ds.level.attrs.items()}
        levels = group.create_array("levels", shape=ds.level.shape, dtype=ds.level.dtype, chunks=ds.level.shape,
                                    dimension_names=["levels"], attributes=attrs)
        levels[:] = ds.level.values
    zarr.consolidate_metadata(store)


def process(store, conf, *files):
    times = axis(json.loads(conf))
    group = zarr.open_group(store, mode="r+")
    for path in files:
        with xr.open_dataset(path) as ds:
            for var in ds.data_vars.values():
                name = var.attrs.get("short_name")
                if not name or "time" not in var.dims:
                    continue
                for i, step in enumerate(times.get_indexer(var.time.values)):
                    assert step >= 0
                    group[name][int(step)] = var.values[i].astype("f4")


def make(specs):
    for out, spec in json.loads(pathlib.Path(specs).read_text()).items():
        make_one(out, spec)


def make_one(out, spec):
    """SPEC: vars {NC_NAME: {short_name, levels?, seed, fill_every?, zero?, attrs?}}, times [numbers], units, calendar,
    cells, levels [numbers], time_type, truncate (bytes cut off), format."""
    with netCDF4.Dataset(out, "w", format=spec.get("format", "NETCDF3_64BIT_OFFSET")) as ds:
        ds.createDimension("time", None)
        ds.createDimension("cells", spec["cells"])
        levels = spec.get("levels", [])
        t = ds.createVariable("time", spec.get("time_type", "i4"), ("time",))
        t.setncatts({"standard_name": "time", "units": spec["units"], "axis": "T"})
        if spec.get("calendar"):
            t.calendar = spec["calendar"]
        ds.createVariable("healpix", "i4", ()).setncatts({"grid_mapping_name": "healpix", "healpix_order": "nested"})
        if levels:
            ds.createDimension("level", len(levels))
            lev = ds.createVariable("level", "f8", ("level",))
            lev.setncatts({"standard_name": "air_pressure", "long_name": "pressure level", "units": "hPa", "positive": "down", "axis": "Z", "n": np.int32(3)})
            lev[:] = levels
        made = []
        for nc_name, v in spec["vars"].items():
            dims = tuple(v.get("dims") or (("time", "level", "cells") if v.get("levels") else ("time", "cells")))
            var = ds.createVariable(nc_name, v.get("type", "f4"), dims, fill_value=v.get("fill", 9.999e20))
            var.setncatts({"long_name": "x", "grid_mapping": "healpix", **v.get("attrs", {"missing_value": np.float32(9.999e20)})})
            if v.get("short_name") is not None:
                var.short_name = v["short_name"]
            made.append((var, v))
        t[:] = spec["times"]
        n = len(spec["times"])
        for var, v in made:
            shape = tuple(n if d == "time" else len(ds.dimensions[d]) for d in var.dimensions)
            rng = np.random.default_rng(v.get("seed", 0))
            x = rng.normal(280, 10, shape).astype("f4")
            if v.get("zero"):
                x[:] = v["zero"] if v["zero"] is not True else 0
            if v.get("fill_every"):
                x.reshape(-1)[::v["fill_every"]] = 9.999e20
            if v.get("nan_every"):
                x.reshape(-1)[::v["nan_every"]] = np.nan
            var.set_auto_maskandscale(False)
            var[:] = x.astype(var.dtype)
    if spec.get("truncate"):
        path = pathlib.Path(out)
        path.write_bytes(path.read_bytes()[:-spec["truncate"]])


def chunks(store):
    root = pathlib.Path(store)
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


def compare(got, want):
    report = {"values": 0, "arrays": 0, "faults": []}
    a, b = chunks(got), chunks(want)
    if a != b:
        report["faults"].append(f"files: only got {sorted(set(a) - set(b))}, only wanted {sorted(set(b) - set(a))}")
    for key in b:
        if key.endswith("zarr.json") and key in a:
            x, y = (json.loads((pathlib.Path(s) / key).read_text()) for s in (got, want))
            if x != y:
                report["faults"].append(f"{key}: {json.dumps(x)} != {json.dumps(y)}")
    g, w = zarr.open_group(got, mode="r"), zarr.open_group(want, mode="r")
    for name in sorted(w.array_keys()):
        x, y = g[name][:], w[name][:]
        report["arrays"] += 1
        report["values"] += int(y.size)
        if x.dtype != y.dtype or x.shape != y.shape or x.tobytes() != y.tobytes():
            report["faults"].append(f"{name}: values differ")
    print(json.dumps(report))


def documents(got, want):
    a, b = chunks(got), chunks(want)
    assert a == b, (a, b)
    n = 0
    for key in b:
        if key.endswith("zarr.json"):
            x, y = (json.loads((pathlib.Path(s) / key).read_text()) for s in (got, want))
            assert x == y, (key, x, y)
            n += 1
    for name in ("time", "levels"):
        x, y = (zarr.open_group(s, mode="r")[name][:] for s in (got, want))
        assert x.dtype == y.dtype and x.tobytes() == y.tobytes(), name
    print("equal", n)


def statistics(*files):
    found = {}
    for path in files:
        with xr.open_dataset(path) as ds:
            for var in ds.data_vars.values():
                if var.attrs.get("short_name") and "time" in var.dims:
                    x = var.values.astype("f8")
                    found.setdefault(var.attrs["short_name"], []).append(x if x.ndim == 3 else x[:, None])
    out = {}
    for name, parts in found.items():
        x = np.concatenate(parts)
        out[name] = []
        for k in range(x.shape[1]):
            v = x[:, k][~np.isnan(x[:, k])]
            row = [v.size, v.mean(), v.std(), v.min(), v.max()] if v.size else [0, None, None, None, None]
            out[name].append([None if r is None else float(r) for r in row])
    print(json.dumps(out))


def read(store):
    ds = xr.open_zarr(store)
    print(json.dumps({
        "vars": sorted(ds.variables), "first": str(ds.time.values[0]), "last": str(ds.time.values[-1]), "n": ds.sizes["time"],
        "step": str(np.unique(np.diff(ds.time.values))), "levels": ds["levels"].values.tolist(),
        "dims": {k: list(v.dims) for k, v in ds.variables.items()},
    }))


if __name__ == "__main__":
    {"init": init, "process": process, "make": make, "compare": compare, "documents": documents, "statistics": statistics, "read": read}[sys.argv[1]](*sys.argv[2:])
