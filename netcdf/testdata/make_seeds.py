"""Write the seeds of the fuzz targets: make_seeds.py FOLDER. Small files, compressed; each holds a few structures."""
import gzip, os, sys, tempfile
import h5py, hdf5plugin, netCDF4
import numpy as np
from h5py import h5d, h5p, h5t
import h5low
from h5low import call, dataset, deflate, uint

out = sys.argv[1]
tmp = tempfile.mkdtemp()


def keep(name):
    """Compress a file into the folder of seeds."""
    with open(os.path.join(tmp, name), "rb") as f, open(os.path.join(out, name + ".gz"), "wb") as g:
        g.write(gzip.compress(f.read(), 9, mtime=0))


def hdf5(name, write, bounds=("EARLIEST", "LATEST"), setup=None):
    with h5low.create(os.path.join(tmp, name), bounds, setup) as f:
        write(f)
    keep(name)


def both(name, write, setup=None):
    hdf5(name + "_old.h5", write, setup=setup)
    hdf5(name + "_new.h5", write, ("LATEST", "LATEST"), setup)


def mixed(f):
    d = np.arange(24, dtype="i4").reshape(4, 6)
    f.create_dataset("a", data=d, chunks=(2, 3), compression="gzip", shuffle=True, fletcher32=True)
    f.create_dataset("b", data=d, chunks=(2, 3), maxshape=(None, 6))
    f.create_dataset("c", data=d, chunks=(2, 3), maxshape=(None, None), compression="lzf")
    f.create_dataset("s", data=np.array(["x", "yy"], object), dtype=h5py.string_dtype())
    f["k"] = np.array([(1, 2.5)], dtype=[("i", "i2"), ("f", "f8")])
    f["k"].attrs["u"] = "m"
    f["g/x"] = 1.5
    f["l"] = h5py.SoftLink("/g/x")


def filters(f):
    d = np.arange(64, dtype="i4")
    for name, kw in (("z", hdf5plugin.Zstd()), ("l", hdf5plugin.LZ4()), ("b", hdf5plugin.Blosc("lz4", 5, 2)), ("p", hdf5plugin.BZip2()),
                     ("t", hdf5plugin.Bitshuffle(cname="lz4")), ("so", dict(scaleoffset=0)), ("sz", dict(compression="szip", compression_opts=("nn", 8)))):
        f.create_dataset(name, data=d.reshape(4, 16), chunks=(4, 16), **kw)
    t = h5t.STD_I32LE.copy()
    t.set_precision(20)
    t.set_offset(2)
    dataset(f, "nbit", t, (16,), d[:16], setup=lambda p: (p.set_chunk((16,)), p.set_filter(h5py.h5z.FILTER_NBIT)))
    f.create_dataset("sof", data=d[:16] / 4, chunks=(16,), scaleoffset=2)
    m = f.create_dataset("masked", shape=(8,), dtype="<i4", chunks=(4,), compression="gzip", shuffle=True)
    m.id.write_direct_chunk((0,), np.arange(4, dtype="<i4").tobytes(), filter_mask=3)


def dense(f):
    for i in range(12):
        f.attrs[f"a{i}"] = i
        f.create_group(f"g{i}")


def indexes(f):
    z = np.arange(30, dtype="i1").reshape(5, 6)
    f.create_dataset("single", data=z, chunks=(5, 6), maxshape=(5, 6))
    f.create_dataset("single_f", data=z, chunks=(5, 6), compression="gzip")
    f.create_dataset("fixed", data=z, chunks=(2, 2), maxshape=(9, 9))
    f.create_dataset("fixed_f", data=z, chunks=(2, 2), compression="gzip")
    f.create_dataset("paged", shape=(1100,), dtype="i1", chunks=(1,))[1050] = 1
    f.create_dataset("ext", shape=(600,), dtype="i1", chunks=(1,), maxshape=(None,))[::299] = 1
    f.create_dataset("ext_f", shape=(4, 50), dtype="i1", chunks=(1, 3), maxshape=(4, None), shuffle=True)[3, ::20] = 1
    f.create_dataset("tree", data=np.arange(100, dtype="i1").reshape(50, 2), chunks=(1, 1), maxshape=(None, None))
    f.create_dataset("tree_f", data=z, chunks=(2, 2), maxshape=(None, None), compression="gzip")
    early = lambda p: (p.set_chunk((2, 2)), p.set_alloc_time(h5d.ALLOC_TIME_EARLY))
    dataset(f, "implicit", h5t.STD_I8LE, (5, 6), z, setup=early)
    edge = lambda p: (p.set_chunk((4, 4)), deflate(p), call("H5Pset_chunk_opts", p, uint(2)))
    dataset(f, "edge", h5t.STD_I8LE, (5, 6), z, setup=edge)
    dataset(f, "compact", h5t.STD_I8LE, (5, 6), z, setup=lambda p: p.set_layout(h5d.COMPACT))
    f.create_dataset("fill", shape=(3,), dtype="f4", fillvalue=2.5)
    dataset(f, "undefined", h5t.STD_I8LE, (3,), setup=lambda p: call("H5Pset_fill_value", p, 0, h5low.ctypes.c_void_p()))


def types(f):
    inner = np.dtype([("x", "<f4"), ("y", ">i2", (2,))])
    t = np.dtype([("id", "<i8"), ("name", "S5"), ("in", inner), ("s", h5py.string_dtype()), ("b", "?"), ("h", "<f2")])
    f.create_dataset("compound", (2,), t)
    f["opaque"] = np.array([b"\x01\x02\x03"], "V3")
    f.create_dataset("enum", data=[0, 1], dtype=h5py.enum_dtype({"A": 0, "B": 1}, "u2"))
    v = f.create_dataset("vlen", (2,), h5py.vlen_dtype(h5py.vlen_dtype("<i2")))
    v[0] = np.array([np.array([1, 2], "<i2"), np.array([3], "<i2")], object)
    f["type"] = np.dtype("<i4")
    f.create_dataset("committed", data=[1], dtype=f["type"])
    f.create_dataset("refs", (2,), h5py.ref_dtype)[0] = f["type"].ref
    f.create_dataset("regions", (1,), h5py.regionref_dtype)[0] = f["committed"].regionref[:1]
    f.create_dataset("array", (1,), np.dtype(("<i4", (3,))))[0] = [7, 8, 9]
    f["null"] = h5py.Empty("f4")
    f["text"] = np.array([b"ab", b"c"], "S2")
    for name in ("H5T_VAX_F32", "H5T_VAX_F64", "H5T_UNIX_D32BE", "H5T_STD_B16LE", "H5T_IEEE_F16BE"):
        dataset(f, name, h5low.predefined(name), (2,))
    odd = h5t.STD_U32BE.copy()
    odd.set_precision(20)
    odd.set_offset(5)
    dataset(f, "odd", odd, (2,))
    dataset(f, "complex", h5t.COMPLEX_IEEE_F32LE, (2,))


def heaps(f):
    g = h5low.group(f, "filtered", deflate)
    for i in range(40):
        g[f"link{i}"] = h5py.SoftLink("/there/" + "x" * 60)
    f.create_group("many").attrs["large"] = np.zeros(5000, "i1")
    for i in range(12):
        f["many"].attrs[f"a{i}"] = np.arange(20)


def deep(f):
    f.create_dataset("tree", data=np.arange(20, dtype="i1"), chunks=(2,))
    for i in range(20):
        f.create_group(f"g{i}")


def small_trees(c, a):
    call("H5Pset_istore_k", c, uint(1))
    call("H5Pset_sym_k", c, uint(1), uint(1))


def shared(f):
    for k in range(4):
        d = f.create_dataset(f"d{k}", data=np.arange(4), chunks=(2,), compression="gzip", fillvalue=7)
        for i in range(10):
            d.attrs[f"a{i}"] = np.arange(5)


both("mixed", mixed)
both("filters", filters)
both("dense", dense)
both("types", types)
hdf5("indexes.h5", indexes, ("LATEST", "LATEST"))
hdf5("heaps.h5", heaps, ("LATEST", "LATEST"))
hdf5("deep.h5", deep, setup=small_trees)
both("shared", shared, lambda c, a: h5low.shared_messages(c, 0x1F & ~0x10, 0x10))
hdf5("sizes4.h5", mixed, setup=lambda c, a: c.set_sizes(4, 4))
hdf5("sizes2.h5", dense, setup=lambda c, a: c.set_sizes(2, 2))
hdf5("sizes24.h5", lambda f: (dense(f), f.attrs.create("large", np.zeros(9000, "i1"))), ("V18", "V18"), lambda c, a: c.set_sizes(2, 4))
hdf5("cacheimage.h5", mixed, ("LATEST", "LATEST"), lambda c, a: h5low.cache_image(a))
hdf5("userblock.h5", dense, setup=lambda c, a: c.set_userblock(512))


def netcdf(name, write, fmt="NETCDF4"):
    with netCDF4.Dataset(os.path.join(tmp, name), "w", format=fmt) as ds:
        write(ds)
    keep(name)


def small(ds):
    ds.createDimension("t", None)
    ds.createDimension("x", 3)
    v = ds.createVariable("v", "f4", ("t", "x"), zlib=True, chunksizes=(1, 3))
    v[:2] = 1
    v.units = "K"


def model(ds):
    small(ds)
    ds.createDimension("n", 5)
    ds.createVariable("n", "i4", ("x",))[:] = 4
    ds.createVariable("x", "f8", ("x",))[:] = 4
    g = ds.createGroup("g")
    g.createDimension("x", 2)
    g.createVariable("w", "i2", ("t", "x"), fill_value=3)[:3] = 1
    g.createVariable("s", str, ("n",))[1] = "text"
    g.packed = np.float32(2)
    e = ds.createEnumType("i1", "te", {"a": 1, "b": 2})
    ds.createVariable("e", e, ("x",))[:] = 1
    k = ds.createCompoundType(np.dtype([("a", "i4"), ("b", "f8")]), "tk")
    ds.createVariable("k", k, ("x",))
    ds.createVariable("l", ds.createVLType("i2", "tl"), ("x",))[1] = np.arange(4, dtype="i2")


def classic(ds):
    small(ds)
    ds.createVariable("b", "i1", ("t",))[:] = [1, 2]
    ds.createVariable("c", "S1", ("x",))[:] = np.array([b"a", b"b", b"c"])
    ds.createVariable("d", "f8", ())[...] = 4.5
    ds.list = np.arange(3, dtype="i2")
    if ds.data_model.endswith("DATA"):
        ds.createVariable("u", "u8", ("x",)).a = np.array([1, 2], "u2")


netcdf("small.nc", small)
netcdf("model.nc", model)
netcdf("cdf1.nc", classic, "NETCDF3_CLASSIC")
netcdf("cdf2.nc", classic, "NETCDF3_64BIT_OFFSET")
netcdf("cdf5.nc", classic, "NETCDF3_64BIT_DATA")
netcdf("one_record.nc", lambda ds: (ds.createDimension("t", None), ds.createVariable("b", "i1", ("t",)).__setitem__(slice(0, 5), 1)), "NETCDF3_CLASSIC")
