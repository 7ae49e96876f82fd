"""Write HDF5 files with structures that only the low-level API makes: lowlevel_files.py FOLDER, prints their paths."""
import ctypes, os, sys
import numpy as np, h5py
from h5py import h5a, h5d, h5p, h5s, h5t
import h5low
from h5low import call, dataset, deflate, uint

out = sys.argv[1]
rng = np.random.default_rng(3)
BOUNDS = [("EARLIEST", "V18"), ("V18", "V18"), ("V110", "V110"), ("V112", "V112"), ("V114", "V114"), ("LATEST", "LATEST")]


def create(name, bounds=("EARLIEST", "LATEST"), setup=None):
    path = os.path.join(out, name + ".h5")
    print(path)
    return h5low.create(path, bounds, setup)


def common(f):
    """What every file can hold: many entries, many attributes, every way of chunking."""
    d = rng.integers(-99, 99, (23, 31), "i2")
    for i in range(70):
        f.create_dataset(f"entry{i:02d}", data=np.int32(i))
    for i in range(70):
        f["entry00"].attrs[f"attribute{i:02d}"] = np.arange(i % 7 + 1, dtype="i2")
    f.create_dataset("chunks", data=d, chunks=(2, 3))
    f.create_dataset("filtered", data=d, chunks=(5, 7), compression="gzip", shuffle=True, fletcher32=True)
    f.create_dataset("grow", data=d, chunks=(4, 5), maxshape=(None, 31))
    f.create_dataset("growboth", data=d, chunks=(4, 5), maxshape=(None, None))
    f.create_dataset("text", data=np.array(["one", "", "three"], object), dtype=h5py.string_dtype())


# every version of the format, and what changes the sizes and shapes of its structures
for low, high in BOUNDS:
    with create(f"bounds_{low}_{high}", (low, high)) as f:
        common(f)
        f["entry01"].attrs["text"] = "x" * 3000
        f.create_group("ordered", track_order=True)["b"] = 1
        f["ordered"]["a"] = 2
for offsets, lengths in ((2, 2), (2, 4), (2, 8), (4, 2), (4, 4), (4, 8), (8, 2), (8, 4)):
    with create(f"sizes_{offsets}{lengths}", setup=lambda c, a: c.set_sizes(offsets, lengths)) as f:
        f.create_dataset("chunks", data=np.arange(40, dtype="i2").reshape(8, 5), chunks=(3, 2))
        f.create_dataset("filtered", data=np.arange(400, dtype="i2"), chunks=(30,), compression="gzip")
        f["g/x"] = np.arange(5.0)
        f["g/x"].attrs["a"] = "text"
        f.create_dataset("s", data=np.array(["a", "bb"], object), dtype=h5py.string_dtype())
    if lengths > 2:  # with 2 the library writes heaps that nobody can read
        with create(f"sizes_{offsets}{lengths}_v18", ("V18", "V18"), lambda c, a: c.set_sizes(offsets, lengths)) as f:
            f["x"] = 1
            for i in range(20):
                f["x"].attrs[f"a{i}"] = np.arange(i + 1, dtype="i2")
            f["x"].attrs["huge"] = np.arange(5000, dtype="i2")
with create("superblock1", setup=lambda c, a: (call("H5Pset_istore_k", c, uint(2)), call("H5Pset_sym_k", c, uint(1), uint(1)))) as f:
    common(f)
for size in (512, 1024, 65536):
    with create(f"userblock{size}", setup=lambda c, a: c.set_userblock(size)) as f:
        common(f)
with create("paged", ("LATEST", "LATEST"), lambda c, a: (c.set_file_space_strategy(1, True, 1), c.set_file_space_page_size(4096))) as f:
    common(f)
for n, masks in enumerate(([0x1F & ~0x10, 0x10], [0x1F], [0x10, 0x02, 0x08])):
    for low in ("EARLIEST", "LATEST"):
        with create(f"shared{n}_{low}", (low, "LATEST"), lambda c, a: (h5low.shared_messages(c, *masks), call("H5Pset_shared_mesg_phase_change", c, uint(8), uint(4)))) as f:
            for k in range(12):
                d = f.create_dataset(f"d{k}", data=np.arange(20 + k), chunks=(3 + k,), compression="gzip", shuffle=k % 2 == 1, fillvalue=k)
                for j in range(11):
                    d.attrs[f"a{j}"] = np.arange(20 + j + k)
                d.attrs["text"] = f"text {k} " * 20

# heaps: filtered, nested deep, with large objects
with create("heaps", ("LATEST", "LATEST")) as f:
    f["target"] = np.arange(3)
    g = h5low.group(f, "filtered", lambda p: (deflate(p), p.set_link_creation_order(h5p.CRT_ORDER_TRACKED)))
    for i in range(300):
        g[f"{i * 7 % 300:03d}" + "n" * 40] = h5py.SoftLink("/target")
    g = h5low.group(f, "fletcher", lambda p: call("H5Pset_fletcher32", p))
    for i in range(50):
        g["n" * 20 + str(i)] = f["target"]
    big = f.create_dataset("nested", data=1)
    for i in range(500):
        big.attrs[f"a{i}"] = np.full(3990, i % 100, "i1")
    large = f.create_dataset("large", data=1)
    for i in range(40):
        large.attrs[f"a{i}"] = np.full(5000 + i, i, "i2")
    plain = f.create_dataset("filtered_attributes", data=1)
    d = h5low.group(f, "attrs", lambda p: (deflate(p), call("H5Pset_fletcher32", p)))
    for i in range(60):
        d.attrs[f"a{i}"] = np.full(100, i, "i4")
    f.copy("nested", "again")

# datatypes
for low in ("EARLIEST", "LATEST"):
    with create(f"types_{low}", (low, "LATEST")) as f:
        x = np.array([0, 1.5, -2, 3.25e10, -1e-30, 123456.789, 0.1])
        # VAX numbers are made here, since the library writes their words in the wrong order
        for name, kind in (("VAX_F32", "<f4"), ("VAX_F64", "<f8")):
            t = h5low.predefined("H5T_" + name)
            words = np.ascontiguousarray((x * 4).astype(kind).view("<u2").reshape(7, -1)[:, ::-1])
            for chunks in (None, (3,)):
                d = dataset(f, name + ("_chunks" if chunks else ""), t, (7,), setup=lambda p: chunks and (p.set_chunk(chunks), p.set_shuffle(), deflate(p)))
                d.id.write(h5s.ALL, h5s.ALL, words, t)
        for name in ("IEEE_F16LE", "IEEE_F16BE", "IEEE_F32BE", "IEEE_F64BE", "NATIVE_LDOUBLE"):
            t = h5low.predefined("H5T_" + name)
            v = np.clip(x, -60000, 60000) if "F16" in name else x
            dataset(f, name, t, (7,), v)
            dataset(f, name + "_chunks", t, (7,), v, setup=lambda p: (p.set_chunk((3,)), p.set_shuffle(), deflate(p)))
        for name in ("STD_B8LE", "STD_B16BE", "STD_B32LE", "STD_B64BE"):
            d = dataset(f, name, h5low.predefined("H5T_" + name), (3,))
            d.id.write(h5s.ALL, h5s.ALL, np.array([1, 2, 200], f"u{int(name[5:-2]) // 8}"), h5low.predefined("H5T_NATIVE_B" + name[5:-2]))
        for size, offset, precision in ((1, 2, 5), (2, 3, 12), (3, 0, 24), (3, 1, 20), (4, 7, 25), (5, 0, 40), (6, 3, 41), (7, 0, 56), (8, 5, 59), (8, 1, 63), (9, 8, 64), (16, 30, 60)):
            for order in (h5t.ORDER_LE, h5t.ORDER_BE):
                for sign in (h5t.SGN_NONE, h5t.SGN_2):
                    t = h5t.NATIVE_INT64.copy()
                    t.set_size(max(size, 8))
                    t.set_precision(precision)
                    t.set_offset(offset if offset + precision <= 8 * size else 0)
                    t.set_size(size)
                    t.set_order(order)
                    t.set_sign(sign)
                    v = rng.integers(-(1 << precision - 2), 1 << precision - 2, 9, "i8") if sign else rng.integers(0, 1 << precision - 1, 9, "i8")
                    dataset(f, f"int{size}_{offset}_{precision}_{order}_{sign}", t, (9,), v)
        for size, sign, epos, esize, mpos, msize, bias in ((3, 23, 16, 7, 0, 16, 63), (4, 31, 22, 9, 0, 22, 255), (2, 15, 7, 8, 0, 7, 127), (1, 7, 3, 4, 0, 3, 7), (8, 47, 36, 11, 0, 36, 1023)):
            for order in (h5t.ORDER_LE, h5t.ORDER_BE):
                t = h5t.IEEE_F64LE.copy()
                t.set_fields(sign, epos, esize, mpos, msize)
                t.set_ebias(bias)
                t.set_precision(sign + 1)
                t.set_size(size)
                t.set_order(order)
                dataset(f, f"float{size}_{esize}_{order}", t, (5,), np.array([0, 1, -2.5, 7.25, 0.125]))
        for cset in (h5t.CSET_ASCII, h5t.CSET_UTF8):
            for pad in (h5t.STR_NULLTERM, h5t.STR_NULLPAD, h5t.STR_SPACEPAD):
                t = h5t.C_S1.copy()
                t.set_size(5)
                t.set_strpad(pad)
                t.set_cset(cset)
                m = t.copy()
                m.set_strpad(h5t.STR_NULLPAD)
                dataset(f, f"string{cset}{pad}", t, (4,)).id.write(h5s.ALL, h5s.ALL, np.array([b"abcde", b"ab", b"", b"a c"], "S5"), m)
                dataset(f, f"unwritten{cset}{pad}", t, (2,))
        # types within types
        seq = h5py.vlen_dtype("<i4")
        v = f.create_dataset("sequences_of_sequences", (3,), h5py.vlen_dtype(h5py.vlen_dtype("<i2")))
        v[0] = np.array([np.array([1, 2, 3], "<i2"), np.array([-4], "<i2")], object)
        t = np.dtype([("n", "<i4"), ("s", h5py.string_dtype()), ("q", seq), ("f", "<f4", (2, 2))])
        a = np.zeros(3, t)
        for i in range(3):
            a[i] = (i, "text" * i, np.arange(i, dtype="i4"), np.full((2, 2), i / 4))
        f.create_dataset("compound_of_all", data=a, chunks=(2,), compression="gzip")
        f["compound_of_all"].attrs["too"] = a
        nested = np.dtype([("a", [("b", [("c", "u1"), ("d", ">f8")]), ("e", "S3")]), ("g", "<i2")])
        f["nested"] = np.array([(((1, 2.5), b"xyz"), -3), (((4, 5.5), b"z"), 6)], nested)
        e = h5py.enum_dtype({"LOW": -5, "MID": 0, "HIGH": 300}, "i2")
        f.create_dataset("enum", data=np.array([-5, 0, 300, 300], "i2"), dtype=e)
        f.create_dataset("enum_array", (2,), np.dtype((e, (2,))))[...] = np.array([[-5, 0], [300, 0]], "i2")
        f.create_dataset("fill_compound", (3,), np.dtype([("x", "i2"), ("y", "f4")]), fillvalue=np.array((7, 2.5), [("x", "i2"), ("y", "f4")]), chunks=(2,))
        f["named"] = np.dtype([("x", "<f4"), ("y", "<f4")])
        f.create_dataset("by_name", (2,), f["named"])
        f["by_name"].attrs.create("same", np.zeros(1, f["named"].dtype), dtype=f["named"])
        r = f.create_dataset("references", (4,), h5py.ref_dtype, chunks=(2,))
        r[0], r[1], r[3] = f["enum"].ref, f["named"].ref, f["/"].ref
        q = f.create_dataset("regions", (2,), h5py.regionref_dtype)
        q[0], q[1] = f["int4_7_25_0_1"].regionref[1:3], f["nested"].regionref[0:1]
        f["null"] = h5py.Empty("f8")
        f.create_dataset("zero", (0, 4), "f4", chunks=(1, 2), maxshape=(None, 4), compression="gzip")
        f.create_dataset("zero_fixed", (3, 0), "i2")
        if low == "LATEST":
            for name in ("F32LE", "F32BE", "F64BE"):
                t = getattr(h5t, "COMPLEX_IEEE_" + name)
                d = dataset(f, "complex_" + name, t, (3,))
                d.id.write(h5s.ALL, h5s.ALL, np.array([1 + 2j, -0.5j, 3], "c16"), h5t.COMPLEX_IEEE_F64LE)

# chunks
for low in ("EARLIEST", "V110", "LATEST"):
    with create(f"chunks_{low}", (low, "LATEST")) as f:
        d = np.cumsum(rng.integers(-3, 4, (41, 53)), 1).astype("<i4")
        for name, flags in (("edges", 0), ("edges_unfiltered", 2)):
            for shape, maxshape in (((10, 20), None), ((41, 53), None), ((10, 20), (None, 53)), ((10, 20), (None, None))):
                dataset(f, f"{name}_{shape[0]}_{maxshape}".replace(" ", ""), h5t.STD_I32LE, d.shape, d, maxshape,
                        lambda p: (p.set_chunk(shape), p.set_shuffle(), deflate(p), low != "EARLIEST" and call("H5Pset_chunk_opts", p, uint(flags))))
        for time in (h5d.ALLOC_TIME_EARLY, h5d.ALLOC_TIME_INCR, h5d.ALLOC_TIME_LATE):
            for fill in (h5d.FILL_TIME_ALLOC, h5d.FILL_TIME_IFSET):
                e = dataset(f, f"alloc{time}{fill}", h5t.STD_I32LE, d.shape, None, None,
                            lambda p: (p.set_chunk((10, 20)), p.set_alloc_time(time), p.set_fill_time(fill), p.set_fill_value(np.array(-7, "i4"))))
                e[5:17, 30:50] = d[5:17, 30:50]
        m = f.create_dataset("masks", shape=(12,), dtype="<i4", chunks=(4,), compression="gzip", shuffle=True, fletcher32=True)
        import zlib
        m.id.write_direct_chunk((0,), np.arange(4, dtype="<i4").tobytes(), filter_mask=7)
        m.id.write_direct_chunk((4,), zlib.compress(np.arange(4, 8, dtype="<i4").tobytes()), filter_mask=5)
        m[8:] = 9
        f.create_dataset("rank8", data=np.arange(2 * 3 * 2 * 2 * 3 * 2 * 2 * 2).reshape(2, 3, 2, 2, 3, 2, 2, 2), chunks=(1, 2, 2, 1, 2, 2, 1, 2), compression="gzip")
        f.create_dataset("rank32", shape=(1,) * 30 + (2, 3), dtype="i2", chunks=(1,) * 30 + (1, 2))[...] = 5
        w = f.create_dataset("shrunk", data=d, chunks=(10, 20), maxshape=(None, None), compression="gzip")
        w.resize((17, 31))
        w.resize((60, 60))
    with create(f"sparse_{low}", (low, "LATEST")) as f:
        s = f.create_dataset("sparse", shape=(1 << 40, 3), dtype="i1", chunks=(1 << 20, 1), maxshape=(None, 3), compression="gzip")
        s[(1 << 40) - 3:, 1] = [1, 2, 3]
