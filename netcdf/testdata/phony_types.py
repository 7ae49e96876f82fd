"""Write a plain HDF5 file with types of every kind: phony_types.py FILE, prints the dimensions of the variables that
libnetcdf has of it: {path: [names]}."""
import json, sys, warnings
import h5py, netCDF4, numpy as np

warnings.simplefilter("ignore")
array = np.dtype(("i4", (3,)))
inner = np.dtype([("p", "i2"), ("q", "f4")])
enum = h5py.enum_dtype({"A": 1}, "i1")
seq = h5py.vlen_dtype(h5py.vlen_dtype("i4"))
opaque = np.dtype("V3")
types = [array, array, np.dtype(("i4", (4,))), [("n", inner), ("y", "i2")], [("n", inner), ("y", "i2")], inner, [("n", inner), ("z", "i2")],
         h5py.ref_dtype, h5py.ref_dtype, [("e", enum), ("y", "i2")], [("e", enum), ("y", "i2")], enum, [("e", enum), ("y", "i4")],
         h5py.vlen_dtype(inner), h5py.vlen_dtype(np.dtype([("k", "i8")])), seq, seq, [("o", opaque)], opaque, opaque, [("o", opaque)],
         [("o", h5py.string_dtype())], np.longdouble, "c8", [("r", h5py.ref_dtype)], [("r", h5py.ref_dtype)], [("e", ">i4")],
         [("e", "<i4")], [("b", "?")], "?", "i4", "S5", [("h", "f2")], [("b", "?")], [("s", "S4"), ("t", "S1")], ">f8", [("a", "f4", (2, 2))]]
with h5py.File(sys.argv[1], "w") as f:
    for i, t in enumerate(types):
        f.create_dataset(f"v{i:02d}", (i + 3,), np.dtype(t))
    for g in ("a", "b/c"):
        for i, t in enumerate((array, [("o", opaque)], np.dtype(("i4", (5,))), "i4")):
            f.create_dataset(f"{g}/v{i}", (500 + i,), np.dtype(t))


def dims(g, path):
    out = {path + n: list(v.dimensions) for n, v in g.variables.items()}
    for n, s in g.groups.items():
        out |= dims(s, path + n + "/")
    return out


with netCDF4.Dataset(sys.argv[1]) as ds:
    print(json.dumps(dims(ds, "/")))
