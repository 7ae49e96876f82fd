"""Write HDF5 files of every kind that h5py makes: h5py_files.py FOLDER, prints their paths."""
import os, sys
import numpy as np, h5py, hdf5plugin
from h5py import h5d, h5f, h5p, h5s, h5t

out = sys.argv[1]
rng = np.random.default_rng(2)
LIBVER = {"earliest": "earliest", "v108": ("earliest", "v108"), "v110": ("v108", "v110"), "latest": "latest"}


def create(name, libver="earliest", **kw):
    path = os.path.join(out, name + ".h5")
    print(path)
    return h5py.File(path, "w", libver=LIBVER[libver], **kw)


def values(dtype, shape):
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype.newbyteorder("="), endpoint=True).astype(dtype)


NUMBERS = [o + k for k in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8") for o in "<>"]

for lv in LIBVER:
    with create("types_" + lv, lv) as f:
        for k in NUMBERS:
            f.create_dataset("n" + k, data=values(k, (3, 5)))
            f["n" + k].attrs["a"] = values(k, (4,))
        f["bool"] = np.array([True, False, True])
        f["fixed"] = np.array([b"abc", b"de", b""], "S3")
        f["one"] = np.array([b"a", b"", b"z"], "S1")
        f.create_dataset("vlen", data=np.array(["x", "", "länger" * 10], object), dtype=h5py.string_dtype())
        f.create_dataset("ascii", data=np.array([b"x", b"yy"], object), dtype=h5py.string_dtype("ascii"))
        f["scalar"] = 5.5
        f["text"] = "scalar text"
        f.create_dataset("empty", shape=(0,), dtype="f4")
        f.create_dataset("empty2", shape=(3, 0, 2), dtype="i4", maxshape=(None, None, 2), chunks=(2, 2, 2))
        f["text"].attrs["words"] = ["a", "bb"]
        f["text"].attrs["word"] = "vlen scalar"
        f["text"].attrs["fixed"] = np.bytes_("fixed scalar")
        f["text"].attrs["fixeds"] = np.array([b"p", b"qq"])
        f["text"].attrs["matrix"] = np.arange(6).reshape(2, 3)
    with create("layouts_" + lv, lv) as f:
        data = values("<i4", (9, 14))
        f["contiguous"] = data
        f["rank1"] = np.arange(300000, dtype="<f8")
        f.create_dataset("btree_or_fixed", data=data, chunks=(4, 5))
        f.create_dataset("single", data=data, chunks=(9, 14))
        f.create_dataset("single_filtered", data=data, chunks=(9, 14), compression="gzip")
        f.create_dataset("extensible", data=data, chunks=(4, 5), maxshape=(None, 14))
        f.create_dataset("extensible_second", data=data, chunks=(4, 5), maxshape=(20, None))
        f.create_dataset("extensible_filtered", data=data, chunks=(2, 3), maxshape=(9, None), compression="gzip", shuffle=True)
        f.create_dataset("btree2", data=data, chunks=(4, 5), maxshape=(None, None))
        f.create_dataset("btree2_filtered", data=data, chunks=(2, 3), maxshape=(None, None), compression="gzip", fletcher32=True)
        f.create_dataset("fixed_max", data=data, chunks=(4, 5), maxshape=(30, 40))
        f.create_dataset("fixed_filtered", data=data, chunks=(4, 5), compression="gzip")
        f.create_dataset("fixed_paged", data=np.arange(30000, dtype="<i2"), chunks=(7,))
        f.create_dataset("fixed_paged_filtered", data=np.arange(20000, dtype="<i2"), chunks=(7,), compression="gzip")
        sparse = f.create_dataset("fixed_paged_sparse", shape=(50000,), dtype="<i2", chunks=(7,), fillvalue=-3)
        sparse[20000:20100] = 8
        f.create_dataset("ext_paged", data=np.arange(60000, dtype="<i2"), chunks=(3,), maxshape=(None,))
        f.create_dataset("ext_paged_filtered", data=np.arange(20000, dtype="<i2"), chunks=(3,), maxshape=(None,), shuffle=True)
        sparse = f.create_dataset("ext_sparse", shape=(90000,), dtype="<i2", chunks=(3,), maxshape=(None,), fillvalue=-3)
        sparse[70000:70100] = 8
        sparse[3] = 1
        big = f.create_dataset("btree_deep", shape=(6000, 4), dtype="<i2", chunks=(2, 1), maxshape=(None, None))
        big[...] = values("<i2", (6000, 4))
        deep = f.create_dataset("btree1_deep", shape=(9000,), dtype="<i2", chunks=(1,))
        deep[::2] = np.arange(4500)
        shrunk = f.create_dataset("shrunk", data=data, chunks=(4, 5), maxshape=(None, None), fillvalue=-1)
        shrunk.resize((5, 7))
        shrunk.resize((12, 9))
        early = f.create_dataset("partly", shape=(9, 14), dtype="<i4", chunks=(4, 5))
        early[2:4] = 3
        dcpl = h5p.create(h5p.DATASET_CREATE)
        dcpl.set_chunk((4, 5))
        dcpl.set_alloc_time(h5d.ALLOC_TIME_EARLY)
        did = h5d.create(f.id, b"implicit_early", h5t.NATIVE_INT32, h5s.create_simple((9, 14)), dcpl)
        h5py.Dataset(did)[...] = data
        dcpl = h5p.create(h5p.DATASET_CREATE)
        dcpl.set_layout(h5d.COMPACT)
        did = h5d.create(f.id, b"compact", h5t.STD_I16BE, h5s.create_simple((3, 4)), dcpl)
        h5py.Dataset(did)[...] = np.arange(12).reshape(3, 4)
        dcpl = h5p.create(h5p.DATASET_CREATE)
        did = h5d.create(f.id, b"never", h5t.NATIVE_DOUBLE, h5s.create_simple((3, 4)), dcpl)
        f.create_dataset("never_fill", shape=(3, 4), dtype=">f4", fillvalue=2.5)
    with create("filters_" + lv, lv) as f:
        data = np.cumsum(rng.integers(-3, 4, (40, 50)), 1).astype("<i4")
        flt = np.round(np.cumsum(rng.standard_normal((40, 50)), 1), 2).astype("<f8")
        for name, kw in {
            "gzip": dict(compression="gzip"), "gzip9_shuffle": dict(compression="gzip", compression_opts=9, shuffle=True),
            "shuffle": dict(shuffle=True), "fletcher": dict(fletcher32=True), "lzf": dict(compression="lzf"),
            "all": dict(compression="gzip", shuffle=True, fletcher32=True), "lzf_shuffle": dict(compression="lzf", shuffle=True, fletcher32=True),
            "scale_int": dict(scaleoffset=0), "scale_bits": dict(scaleoffset=12), "scale_gzip": dict(scaleoffset=0, compression="gzip", shuffle=True),
            "szip_nn": dict(compression="szip", compression_opts=("nn", 16)), "szip_ec": dict(compression="szip", compression_opts=("ec", 8)),
        }.items():
            f.create_dataset(name, data=data, chunks=(13, 17), **kw)
        for k in ("<i1", ">u2", "<i2", "<i4", ">i4", "<f4", ">f8", "<i8"):
            for coder, block in (("nn", 16), ("ec", 8), ("nn", 4), ("ec", 32)):
                f.create_dataset(f"szip_{k}_{coder}{block}", data=(data % 100).astype(k), chunks=(13, 17), compression="szip", compression_opts=(coder, block))
            f.create_dataset(f"szip_noise_{k}", data=values(k, (40, 50)), chunks=(13, 17), compression="szip")
            f.create_dataset(f"szip_zeros_{k}", data=np.where(rng.random((90, 400)) < 0.002, 3, 0).astype(k), chunks=(90, 400), compression="szip")
            f.create_dataset(f"szip_pairs_{k}", data=rng.integers(0, 3, (90, 400)).astype(k), chunks=(90, 400), compression="szip", compression_opts=("ec", 16))
        for digits in (0, 1, 2, 4):
            f.create_dataset(f"scale_float{digits}", data=flt, chunks=(13, 17), scaleoffset=digits)
            f.create_dataset(f"scale_float32_{digits}", data=flt.astype(">f4"), chunks=(13, 17), scaleoffset=digits)
        for k in ("<i1", ">u2", "<i8", ">i4", "<u1", ">u8", "<u4", "<i2"):
            small = (values("<i2", (40, 50)) % 50).astype(k)
            f.create_dataset("scale_" + k, data=small, chunks=(13, 17), scaleoffset=0)
            f.create_dataset("scale_const_" + k, data=np.full((20, 20), 7, k), chunks=(13, 17), scaleoffset=0)
            part = f.create_dataset("scale_fill_" + k, shape=(40, 50), dtype=k, chunks=(13, 17), scaleoffset=0, fillvalue=3)
            part[3:22, 4:40] = small[3:22, 4:40]
        for cname in ("blosclz", "lz4", "lz4hc", "zlib", "zstd"):
            for shuffle in (0, 1, 2):
                f.create_dataset(f"blosc_{cname}_{shuffle}", data=data, chunks=(13, 17), **hdf5plugin.Blosc(cname, 5, shuffle))
        f.create_dataset("blosc_noise", data=values("<i8", (40, 50)), chunks=(13, 17), **hdf5plugin.Blosc("lz4", 5, 1))
        f.create_dataset("blosc_large", data=np.arange(400000, dtype="<i4"), chunks=(200000,), **hdf5plugin.Blosc("lz4", 9, 1))
        f.create_dataset("blosc_zlarge", data=np.arange(400000, dtype="<f8"), chunks=(200000,), **hdf5plugin.Blosc("zstd", 9, 2))
        f.create_dataset("zstd", data=data, chunks=(13, 17), **hdf5plugin.Zstd())
        f.create_dataset("zstd_shuffle", data=data, chunks=(13, 17), shuffle=True, **hdf5plugin.Zstd(12))
        f.create_dataset("lz4", data=data, chunks=(13, 17), **hdf5plugin.LZ4())
        f.create_dataset("lz4_blocks", data=np.arange(100000, dtype="<i4"), chunks=(50000,), **hdf5plugin.LZ4(4096))
        f.create_dataset("lz4_noise", data=values("<i8", (1000,)), chunks=(500,), **hdf5plugin.LZ4(1000))
        f.create_dataset("bzip2", data=data, chunks=(13, 17), **hdf5plugin.BZip2())
        f.create_dataset("bzip2_big", data=np.arange(400000, dtype="<i4"), chunks=(200000,), **hdf5plugin.BZip2(1))
        f.create_dataset("bitshuffle", data=data, chunks=(13, 17), **hdf5plugin.Bitshuffle(cname="none"))
        f.create_dataset("bitshuffle_lz4", data=data, chunks=(13, 17), **hdf5plugin.Bitshuffle(cname="lz4"))
        f.create_dataset("bitshuffle_zstd", data=data, chunks=(13, 17), **hdf5plugin.Bitshuffle(cname="zstd"))
        # chunks with filter masks, written past the pipeline
        m = f.create_dataset("masked", shape=(8,), dtype="<i4", chunks=(4,), compression="gzip", shuffle=True)
        m.id.write_direct_chunk((0,), np.arange(4, dtype="<i4").tobytes(), filter_mask=3)
        import zlib
        m.id.write_direct_chunk((4,), zlib.compress(np.arange(4, 8, dtype="<i4").tobytes()), filter_mask=1)
        # n-bit: 20 significant bits at bit 2
        t = h5t.STD_I32LE.copy()
        t.set_precision(20)
        t.set_offset(2)
        for name, typ in (("nbit", t), ("nbit_be", None), ("nbit_float", None)):
            if name == "nbit_be":
                typ = h5t.STD_U16BE.copy()
                typ.set_precision(9)
            if name == "nbit_float":
                typ = h5t.IEEE_F32LE.copy()
                typ.set_fields(26, 20, 6, 7, 13)
                typ.set_offset(7)
                typ.set_precision(20)
                typ.set_size(4)
                typ.set_ebias(31)
            dcpl = h5p.create(h5p.DATASET_CREATE)
            dcpl.set_chunk((13,))
            dcpl.set_filter(h5py.h5z.FILTER_NBIT)
            did = h5d.create(f.id, name.encode(), typ, h5s.create_simple((40,)), dcpl)
            src = (np.arange(40) * 3 % 500) * (1 if name == "nbit_be" else -1)
            did.write(h5s.ALL, h5s.ALL, src.astype("f4" if "float" in name else "i4"))
    with create("groups_" + lv, lv, track_order=False) as f:
        f["z/y/x/deep"] = np.arange(3)
        f["a"] = np.arange(4)
        f["link"] = f["a"]
        f["soft"] = h5py.SoftLink("/z/y/x/deep")
        f["z/up"] = h5py.SoftLink("y/x/deep")
        f["dangling"] = h5py.SoftLink("/nowhere")
        f["external"] = h5py.ExternalLink("other.h5", "/x")
        f["z/y/circle"] = f["z"]
        f["type"] = np.dtype("<i4")
        f.create_dataset("committed", data=[1, 2, 3], dtype=f["type"])
        g = f.create_group("ordered", track_order=True)
        for i in range(30):
            g.create_dataset(f"v{(i * 7) % 30:02d}", data=i)
        many = f.create_group("many")
        for i in range(300):
            many.create_dataset(f"dataset_with_a_long_name_{i:04d}", data=i)
        for i in range(200):
            many.attrs[f"attr{i}"] = i
        big = f.create_dataset("bigattr", data=1)
        if lv in ("v110", "latest"):
            big.attrs["large"] = np.arange(20000)
            big.attrs["larger"] = np.arange(30000.0)

with create("userblock", "latest", userblock_size=2048) as f:
    f.create_dataset("x", data=np.arange(1000), chunks=(100,), compression="gzip")
    f["c"] = np.arange(5)
with create("userblock0", "earliest", userblock_size=512) as f:
    f.create_dataset("x", data=np.arange(1000), chunks=(100,), compression="gzip")
with create("trackorder", "latest", track_order=True) as f:
    for n in "zyxabc":
        f[n] = np.arange(3)
        for i, a in enumerate("qwertzuiopasdf"):
            f[n].attrs[a] = i

# creation property lists that h5py.File does not offer: odd sizes of addresses, shared messages
def lowlevel(name, **kw):
    path = os.path.join(out, name + ".h5")
    print(path)
    fcpl, fapl = h5p.create(h5p.FILE_CREATE), h5p.create(h5p.FILE_ACCESS)
    kw.pop("setup")(fcpl, fapl)
    fid = h5f.create(path.encode(), h5f.ACC_TRUNC, fcpl, fapl)
    with h5py.File(fid) as f:
        f["v"] = np.arange(10)
        f.create_dataset("chunked", data=np.arange(1000).reshape(10, 100), chunks=(3, 30), compression="gzip")
        if name != "sizes44_latest":  # libhdf5 cannot open its own file again
            f.create_dataset("ext", data=np.arange(1000).reshape(10, 100), chunks=(3, 30), maxshape=(None, 100))
        f.create_dataset("s", data=np.array(["a", "bb"], object), dtype=h5py.string_dtype())
        for i in range(20):
            f["v"].attrs[f"a{i}"] = "text " * 20
            f.create_group(f"g{i}")["x"] = i


lowlevel("sizes44", setup=lambda c, a: c.set_sizes(4, 4))
lowlevel("sizes44_latest", setup=lambda c, a: (c.set_sizes(4, 4), a.set_libver_bounds(h5f.LIBVER_LATEST, h5f.LIBVER_LATEST)))
lowlevel("sizes84", setup=lambda c, a: c.set_sizes(8, 4))
