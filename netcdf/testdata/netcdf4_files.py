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

with create("compressors") as ds:
    ds.createDimension("t", 9)
    ds.createDimension("y", 31)
    ds.createDimension("x", 40)
    for k in ("i2", "f4", "f8", "u1", "i8"):
        data = (np.cumsum(rng.integers(0, 2, (9, 31, 40)), 2) // 6).astype(k)
        for c in ("zstd", "bzip2", "szip", "blosc_lz", "blosc_lz4", "blosc_lz4hc", "blosc_zlib", "blosc_zstd"):
            for shuffle in (False, True) if c != "szip" else (False,):  # libnetcdf cannot read its shuffled szip again
                kw = dict(blosc_shuffle=1 + shuffle) if c[:5] == "blosc" else dict(shuffle=shuffle, fletcher32=shuffle)
                ds.createVariable(f"{k}_{c}_{shuffle:d}", k, ("t", "y", "x"), compression=c, chunksizes=(2, 31, 17), **kw)[:] = data
    for mode in ("BitGroom", "BitRound", "GranularBitRound"):
        ds.createVariable(mode, "f4", ("y", "x"), zlib=True, significant_digits=3, quantize_mode=mode)[:] = rng.standard_normal((31, 40))

with create("user_types") as ds:
    ds.createDimension("n", 3)
    ds.createDimension("t", None)
    inner = ds.createCompoundType(np.dtype([("a", "i2"), ("b", "f8")], align=True), "inner")
    outer_dtype = np.dtype([("id", "i4"), ("in", inner.dtype), ("list", "f4", (2, 3)), ("in2", inner.dtype)], align=True)
    outer = ds.createCompoundType(outer_dtype, "outer")
    a = np.zeros(3, outer_dtype)
    a["id"], a["in"]["a"], a["in"]["b"], a["list"], a["in2"]["a"] = [1, 2, 3], [4, 5, 6], 0.5, np.arange(18).reshape(3, 2, 3), 7
    ds.createVariable("compound", outer, ("n",))[:] = a
    ds.createVariable("compound_records", inner, ("t", "n"), zlib=True)[1] = a["in"]
    for k in ALL[:1] + ALL[2:]:
        v = ds.createVariable("sequence_" + k, ds.createVLType(k, "seq_" + k), ("n",))
        v[0], v[2] = values(k, (4,)), values(k, (1,))
    for k in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"):
        e = ds.createEnumType(k, "enum_" + k, {"zero": 0, "one": 1, "many": 100})
        ds.createVariable("choice_" + k, e, ("n",), fill_value=100)[:2] = [1, 0]
    g = ds.createGroup("g")
    g.createVariable("again", inner, ("n",))[:] = a["in"]

for fmt in ["NETCDF4", "NETCDF4_CLASSIC", "NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"]:
    types = ALL if fmt in ("NETCDF4", "NETCDF3_64BIT_DATA") else ["i1", "i2", "i4", "f4", "f8"]
    with create("fill_" + fmt, format=fmt) as ds:
        ds.createDimension("t", None)
        ds.createDimension("x", 3)
        ds.createDimension("len", 7)
        for k in types + ["S1"]:
            ds.createVariable("default_" + k, k, ("t", "x"))
            ds.createVariable("fixed_" + k, k, ("x",))
            ds.createVariable("own_" + k, k, ("t", "x"), fill_value=b"z" if k == "S1" else 9)
        ds.createVariable("last", "i2", ("t",))[3] = 1
        ds.createVariable("words", "S1", ("t", "x", "len"))[1, 2, :3] = np.array([b"a", b"b", b"c"])
        ds["words"].setncattr("empty", "")
        ds["words"].setncattr("units", "m s-1 \u00b0")
    for k in ("i1", "S1", "i2", "f8"):
        # one record variable of a small type is stored without padding, two are padded
        for n in (1, 2):
            with create(f"records_{fmt}_{k}_{n}", format=fmt) as ds:
                ds.createDimension("t", None)
                ds.createDimension("x", 3)
                for i in range(n):
                    v = ds.createVariable(f"v{i}", k, ("t", "x"))
                    v[:5] = np.full((5, 3), b"q", "S1") if k == "S1" else values(k, (5, 3))
                ds.createVariable("fixed", "i2", ("x",))[:] = 1

with create("coordinates") as ds:
    for n, size in (("a", 2), ("b", 3), ("c", 4), ("u", None), ("w", None)):
        ds.createDimension(n, size)
    ds.createVariable("c", "f4", ("c",))[:] = 1
    ds.createVariable("m", "i4", ("c", "a", "b"))[:] = 2
    ds.createVariable("b", "S1", ("b", "c"))[:] = b"x"
    ds.createVariable("u", "f8", ("w", "u"))[:4, :7] = 5  # libnetcdf returns garbage if it is short
    ds.createVariable("late", "i2", ("u",))[:7] = 1
    g = ds.createGroup("g").createGroup("h")
    g.createDimension("c", 9)
    g.createDimension("u", None)
    g.createVariable("x", "i4", ("u", "c", "b"))[:2] = 3
    g.createVariable("b", "i4", ("w",))[:4] = 1
    ds.setncattr_string("strings", ["one", "", "three"])
    ds.setncattr("char", "text")
    ds.setncattr("_NCProperties_not", 1)
