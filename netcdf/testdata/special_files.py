"""Write HDF5 files with the rarer types and storage: special_files.py FOLDER, prints their paths."""
import ctypes, glob, os, sys
import numpy as np, h5py
from h5py import h5f, h5p, h5t

out = sys.argv[1]
os.chdir(out)


def create(name, **kw):
    path = os.path.join(out, name + ".h5")
    print(path)
    return h5py.File(path, "w", **kw)


for lv in ("earliest", "latest"):
    with create("user_types_" + lv, libver=lv) as f:
        inner = np.dtype([("x", "<f4"), ("y", ">i2", (2, 3))])
        t = np.dtype([("id", "<i8"), ("name", "S5"), ("in", inner), ("s", h5py.string_dtype()), ("flag", "?"), ("h", "<f2")], align=True)
        a = np.zeros(4, t)
        a["id"], a["name"], a["s"], a["flag"] = [1, -2, 3, 4], [b"ab", b"", b"abcde", b"z"], ["one", "", "drei", "vier"], [1, 0, 1, 1]
        a["in"]["x"], a["in"]["y"], a["h"] = [1.5, 2, np.nan, -np.inf], np.arange(24).reshape(4, 2, 3), [0.5, 2, -1, 65504]
        f.create_dataset("compound", data=a)
        f.create_dataset("compound_chunks", data=a, chunks=(3,), compression="gzip", shuffle=True, maxshape=(None,))
        f["compound"].attrs["c"] = a[:2]
        f["opaque"] = np.array([b"\x01\x02\x03", b"\x04\x05\x06"], "V3")
        f.create_dataset("enum", data=[0, 2, 1], dtype=h5py.enum_dtype({"A": 0, "B": 1, "C": 2}, "u2"))
        v = f.create_dataset("vlen", (3,), h5py.vlen_dtype("<f8"))
        v[0], v[2] = [1, 2, 3], [4.5]
        w = f.create_dataset("vlen_be", (2, 2), h5py.vlen_dtype("<i2"), chunks=(1, 2))
        w[1, 1] = [7, -8]
        f.create_dataset("complex", data=np.array([1 + 2j, 3 - 4j]))
        f["target"] = np.arange(3)
        r = f.create_dataset("refs", (3,), h5py.ref_dtype)
        r[0], r[1] = f["target"].ref, f["/"].ref
        f.create_dataset("regions", (1,), h5py.regionref_dtype)[0] = f["target"].regionref[1:2]
        f.create_dataset("array", (2,), np.dtype(("<i4", (3,))))[...] = np.arange(6).reshape(2, 3)
        f["null"] = h5py.Empty("f4")
        f["target"].attrs["null"] = h5py.Empty("i4")
        f["target"].attrs["ref"] = f["compound"].ref
        for name, base, offset, precision, order in (("i24", h5t.STD_I32LE, 3, 24, None), ("u20be", h5t.STD_U32BE, 5, 20, None), ("i40", h5t.STD_I64LE, 8, 40, None)):
            typ = base.copy()
            typ.set_precision(precision)
            typ.set_offset(offset)
            ds = h5py.Dataset(h5py.h5d.create(f.id, name.encode(), typ, h5py.h5s.create_simple((5,))))
            ds.id.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([0, 1, 1000, 77777, 5], "i8"))
with create("links", libver="latest") as f:
    g = f.create_group("g")
    for i in range(10000):
        g[f"n{i}"] = h5py.SoftLink("/t") if i % 2 else f.require_group("t")
    f["v"] = np.arange(3)
with create("outside", libver="latest") as f:
    f["plain"] = np.arange(3)
    f.create_dataset("external", (4,), "i4", external=[("raw.bin", 0, 16)])
    layout = h5py.VirtualLayout((3,), "i8")
    layout[...] = h5py.VirtualSource(f["plain"])
    f.create_virtual_dataset("virtual", layout)

# shared messages: the property is set through the library that h5py itself has loaded
lib = ctypes.CDLL(glob.glob(os.path.join(os.path.dirname(h5py.__file__), "..", "h5py.libs", "libhdf5-*.so*"))[0])
for i, lv in enumerate((h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST)):
    path = os.path.join(out, f"shared_{i}.h5")
    print(path)
    fcpl, fapl = h5p.create(h5p.FILE_CREATE), h5p.create(h5p.FILE_ACCESS)
    fapl.set_libver_bounds(lv, h5f.LIBVER_LATEST)
    lib.H5Pset_shared_mesg_nindexes(ctypes.c_int64(fcpl.id), 2)
    lib.H5Pset_shared_mesg_index(ctypes.c_int64(fcpl.id), 0, 0x1F & ~0x10, 1)
    lib.H5Pset_shared_mesg_index(ctypes.c_int64(fcpl.id), 1, 0x10, 1)
    with h5py.File(h5f.create(path.encode(), h5f.ACC_TRUNC, fcpl, fapl)) as f:
        for k in range(30):
            d = f.create_dataset(f"d{k}", data=np.arange(20).reshape(4, 5), chunks=(2, 5), compression="gzip", fillvalue=7)
            d.attrs["same"] = "the same text in every dataset, long enough to be shared " * 2
            for j in range(12):
                d.attrs[f"a{j}"] = np.arange(20)
