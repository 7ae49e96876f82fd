"""Write netCDF files of every kind that netCDF4-python makes: netcdf4_files.py FOLDER, prints their paths."""
import os, sys
import numpy as np, netCDF4

out = sys.argv[1]
rng = np.random.default_rng(1)
ALL = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


def values(dtype, shape):
    if dtype[0] == "f":
        return rng.standard_normal(shape).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype, endpoint=True)


def create(name, **kw):
    path = os.path.join(out, name + ".nc")
    print(path)
    return netCDF4.Dataset(path, "w", **kw)


for fmt in ["NETCDF4", "NETCDF4_CLASSIC", "NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"]:
    types = ALL if fmt in ("NETCDF4", "NETCDF3_64BIT_DATA") else ["i1", "i2", "i4", "f4", "f8"]
    with create("basic_" + fmt, format=fmt) as ds:
        ds.title, ds.number, ds.list = "text of the file", np.float32(1.5), np.array([1, 2, 3], "i4")
        ds.empty = ""
        ds.createDimension("time", None)
        ds.createDimension("y", 5)
        ds.createDimension("x", 7)
        ds.createDimension("unused", 3)
        t = ds.createVariable("time", "f8", ("time",))
        t.units = "hours since 1900-01-01"
        ds.createVariable("scalar", "i4", ())[...] = 42
        c = ds.createVariable("text", "S1", ("x",))
        c[:] = np.array(list("abcdefg"), "S1")
        for k in types:
            v = ds.createVariable("fixed_" + k, k, ("y", "x"))
            v.valid_min = values(k, ())
            v.many = values(k, (4,))
            v[:] = values(k, (5, 7))
            v = ds.createVariable("record_" + k, k, ("time", "y", "x"), fill_value=np.array(7, k)[()])
            v[:3] = values(k, (3, 5, 7))
        t[:] = [1, 2, 3, 4]

with create("filters") as ds:
    ds.createDimension("t", 11)
    ds.createDimension("y", 23)
    ds.createDimension("x", 37)
    for k in ["i2", "i4", "f4", "f8", "u1"]:
        for endian in ["little", "big"]:
            for i, kw in enumerate([{}, dict(zlib=True), dict(zlib=True, shuffle=False, complevel=9), dict(fletcher32=True),
                                    dict(zlib=True, fletcher32=True), dict(shuffle=True, zlib=True, complevel=1, chunksizes=(4, 10, 20)),
                                    dict(chunksizes=(1, 23, 37)), dict(contiguous=True), dict(zlib=True, chunksizes=(11, 23, 37))]):
                v = ds.createVariable(f"{k}_{endian}_{i}", k, ("t", "y", "x"), endian=endian, **kw)
                v[:] = values(k, (11, 23, 37)) if k != "f4" else np.cumsum(rng.standard_normal((11, 23, 37)), 2)

with create("unwritten") as ds:
    ds.createDimension("t", None)
    ds.createDimension("y", 30)
    for name, kw in [("default", {}), ("fill", dict(fill_value=-5.0)), ("big", dict(endian="big"))]:
        v = ds.createVariable(name, "f4", ("t", "y"), chunksizes=(4, 8), zlib=True, **kw)
        v[9, 3:5] = 1.25
    ds.createVariable("longer", "i4", ("t",))[:20] = np.arange(20)
    ds.createVariable("never", "i2", ("t", "y"))
    ds.createVariable("fixed_never", "f8", ("y",))

with create("groups") as ds:
    ds.createDimension("x", 4)
    ds.createDimension("rec", None)
    ds.createVariable("x", "f8", ("x",))[:] = [1, 2, 3, 4]
    a = ds.createGroup("a")
    a.note = "inside a"
    a.createDimension("y", 3)
    a.createVariable("v", "f4", ("y", "x"))[:] = values("f4", (3, 4))
    b = a.createGroup("b")
    b.createDimension("x", 6)
    b.createVariable("v", "i4", ("rec", "x"))[:2] = values("i4", (2, 6))
    ds.createGroup("empty")
    # a variable with a dimension's name that is no coordinate, and a coordinate of two dimensions
    ds.createDimension("n", 5)
    ds.createVariable("n", "i4", ("x",))[:] = [4, 3, 2, 1]
    ds.createDimension("ll", 2)
    ds.createVariable("ll", "f8", ("ll", "x"))[:] = values("f8", (2, 4))
    ds.createVariable("late", "f8", ("n", "ll", "x"))[:] = values("f8", (5, 2, 4))

with create("strings") as ds:
    ds.createDimension("n", 5)
    ds.createDimension("t", None)
    v = ds.createVariable("s", str, ("n",))
    v[:] = np.array(["a", "", "three", "ünïcödé ✓", "x" * 5000], object)
    v.setncattr_string("att", ["one", "two", ""])
    v.setncattr_string("one", "only")
    w = ds.createVariable("rec", str, ("t", "n"), zlib=True)
    w[0] = np.array(["p", "q", "r", "s", "t"], object)
    w[2, 1] = "far"
    ds.createVariable("unset", str, ("n",))
    ds.createVariable("scalar", str, ())[...] = "lonely"

with create("attributes") as ds:
    ds.createDimension("x", 2)
    v = ds.createVariable("v", "f4", ("x",))
    v[:] = [1, 2]
    for i in range(300):
        v.setncattr(f"attribute_{i:03d}", f"value {i}" if i % 3 else np.arange(i + 1, dtype="f8"))
    v.huge = "y" * 60000
    for i in range(20):
        ds.setncattr(f"global_{i}", np.int16(i))

with create("zero") as ds:
    ds.createDimension("none", None)
    ds.createDimension("x", 3)
    ds.createVariable("empty", "f4", ("none", "x"), zlib=True)
    ds.createVariable("none", "f8", ("none",))
    ds.createVariable("x", "f8", ("x",))[:] = 1
