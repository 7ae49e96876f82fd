"""What libnetcdf (through netCDF4-python) and HDF5 (through h5py) read from a file, as JSON.

oracle.py FILE...   prints {file: group}; a group is {dims: [[name, length, unlimited]], vars: [...], attrs: [...],
groups: {name: group}}; a variable {name, dims, shape, type, attrs, data}; data is base64 of little-endian values, or a
list of strings. With the flag --h5 in front values are read by h5py: {path: {shape, type, data, attrs}}.
"""
import base64, json, sys
import numpy as np


def pack(a):
    a = np.asarray(a)
    a = a.astype({"b": "i1"}.get(a.dtype.kind, "f4" if a.dtype.str[1:] == "f2" else a.dtype))
    if a.dtype.kind in "OSU":
        text = lambda s: s.decode("utf-8", "surrogateescape") if isinstance(s, bytes) else str(s)
        return {"type": "string", "shape": list(a.shape), "strings": [text(s) for s in a.ravel()]}
    if a.dtype.kind not in "iuf":
        return {"type": str(a.dtype), "shape": list(a.shape)}
    a = np.asarray(a, a.dtype.newbyteorder("<"))
    return {"type": a.dtype.kind + str(a.dtype.itemsize), "shape": list(a.shape),
            "data": base64.b64encode(a.tobytes()).decode()}


def netcdf(path):
    import netCDF4
    def attrs(o):
        return [[n, pack(o.getncattr(n)) | {"text": isinstance(o.getncattr(n), str)}] for n in o.ncattrs()]
    def group(g):
        out = {"dims": [[d.name, len(d), d.isunlimited()] for d in g.dimensions.values()], "attrs": attrs(g), "vars": [],
               "groups": {n: group(s) for n, s in g.groups.items()}}
        for v in g.variables.values():
            v.set_auto_maskandscale(False)
            v.set_auto_chartostring(False)
            ch = v.chunking() if hasattr(v, "chunking") else None
            out["vars"].append({"name": v.name, "dims": list(v.dimensions), "attrs": attrs(v),
                                "chunks": ch if isinstance(ch, list) else None} | pack(v[...]))
        return out
    with netCDF4.Dataset(path) as ds:
        return group(ds) | {"format": ds.data_model}


def hdf5(path):
    import h5py, hdf5plugin
    out = {}
    def visit(name, o):
        if isinstance(o, h5py.Dataset):
            out[name] = pack(o[()]) if o.shape is not None else {"type": "null", "shape": []}
            out[name]["attrs"] = [[n, pack(o.attrs[n])] for n in o.attrs if not isinstance(o.attrs[n], h5py.Empty)]
    with h5py.File(path) as f:
        f.visititems(visit)
    return out


if __name__ == "__main__":
    files = sys.argv[1:]
    read = netcdf
    if files[0] == "--h5":
        read, files = hdf5, files[1:]
    json.dump({f: read(f) for f in files}, sys.stdout)
