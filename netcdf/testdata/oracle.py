"""What libnetcdf (through netCDF4-python) and HDF5 (through h5py) read from a file, as JSON.

oracle.py FILE...   prints {file: group}; a group is {dims: [[name, length, unlimited]], vars: [...], attrs: [...],
groups: {name: group}}; a variable {name, dims, shape, type, attrs, data}; data is base64 of little-endian values, or a
list of strings. With the flag --h5 in front values are read by h5py: {path: {shape, type, data, attrs}}; with --each as
well, but one file at a time, and those that h5py cannot open are left out.
"""
import base64, json, subprocess, sys
import numpy as np


def canon(v, file):
    """A value of any type as text: numbers as such, floats by their bits, (compound), [array or sequence]."""
    import h5py
    if isinstance(v, np.ndarray):
        return "[" + ",".join(canon(x, file) for x in v.ravel()) + "]"
    if isinstance(v, (str, np.str_)):
        return json.dumps(str(v))
    if isinstance(v, (bytes, np.bytes_)):
        return json.dumps(v.decode("utf-8", "surrogateescape"))
    if isinstance(v, (h5py.Reference, h5py.RegionReference)):
        return json.dumps(file[v].name if v else "")
    if isinstance(v, np.void) and v.dtype.names is not None:
        return "(" + ",".join(str(ord(v[n] or b"\0")) if v.dtype[n] == "S1" else canon(v[n], file) for n in v.dtype.names) + ")"
    if isinstance(v, np.void):
        return bytes(v).hex()
    if isinstance(v, (complex, np.complexfloating)):
        return "(" + canon(v.real, file) + "," + canon(v.imag, file) + ")"
    if isinstance(v, (float, np.floating)):
        return "nan" if v != v else np.array(v, ">f8").tobytes().hex()
    if isinstance(v, (int, np.integer, np.bool_)):
        return str(int(v))
    if isinstance(v, h5py.Empty):
        return "empty"
    raise TypeError(type(v))


def pack(a, file=None):
    if type(a).__name__ == "Empty":
        return {"type": "null", "shape": []}
    a = np.asarray(a)
    if a.dtype.kind == "M":
        a = a.view(f"V{a.dtype.itemsize}")
    special = a.dtype.kind in "Vc" or a.dtype.kind == "O" and a.size and not isinstance(a.ravel()[0], (str, bytes))
    if special or a.dtype.kind == "f" and a.dtype.itemsize > 8:
        return {"type": "any", "shape": list(a.shape), "strings": [canon(x, file) for x in a.ravel()]}
    a = a.astype({"b": "i1"}.get(a.dtype.kind, "f4" if a.dtype.str[1:] == "f2" else a.dtype))
    if a.dtype.kind in "OSU":
        text = lambda s: s.decode("utf-8", "surrogateescape") if isinstance(s, bytes) else str(s)
        return {"type": "string", "shape": list(a.shape), "strings": [text(s) for s in a.ravel()]}
    if a.dtype.kind not in "iuf":
        return {"type": str(a.dtype), "shape": list(a.shape)}
    a = np.asarray(a, a.dtype.newbyteorder("<"))
    return {"type": a.dtype.kind + str(a.dtype.itemsize), "shape": list(a.shape),
            "data": base64.b64encode(a.tobytes()).decode()}


HIDDEN = ("CLASS", "DIMENSION_LIST", "NAME", "REFERENCE_LIST", "_Format", "_IsNetcdf4", "_NCProperties", "_Netcdf4Coordinates",
          "_Netcdf4Dimid", "_SuperblockVersion", "_nc3_strict")


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


def plain(o):
    """The values of a dataset whose type numpy lacks, as the nearest number that it has."""
    import h5py
    t = o.id.get_type()
    kind = "f8" if t.get_class() == h5py.h5t.FLOAT else ("iu"[t.get_sign() == h5py.h5t.SGN_NONE]) + ("4" if t.get_size() <= 4 else "8")
    if t.get_class() == h5py.h5t.FLOAT and t.get_size() <= 4 and t.get_fields()[2] <= 8:
        kind = "f4"
    a = np.zeros(o.shape, kind)
    o.id.read(h5py.h5s.ALL, h5py.h5s.ALL, a)
    return a


def hdf5(path):
    import h5py, hdf5plugin
    out = {}
    def values(o):
        try:
            return o[()]
        except (TypeError, KeyError):
            return plain(o)
    def visit(name, o):
        if isinstance(o, h5py.Dataset) and not bytes(o.attrs["NAME"] if isinstance(o.attrs.get("NAME"), bytes) else b"").startswith(b"This is a netCDF dimension but not"):
            name = name.replace("_nc4_non_coord_", "")
            try:
                out[name] = pack(values(o), f) if o.shape is not None else {"type": "null", "shape": []}
                out[name]["attrs"] = [[n, pack(o.attrs[n], f)] for n in o.attrs if n not in HIDDEN]
            except Exception as e:
                out[name] = {"type": "error", "shape": [], "error": repr(e)}
    with h5py.File(path) as f:
        f.visititems(visit)
    return out


def each(files):
    """hdf5 of files that may crash the library, each in a process of its own; those that do are left out."""
    out = {}
    for f in files:
        try:
            out |= json.loads(subprocess.run([sys.executable, __file__, "--h5", f], capture_output=True, check=True, timeout=60).stdout)
        except (subprocess.SubprocessError, ValueError):
            print("left out:", f, file=sys.stderr)
    return out


if __name__ == "__main__":
    files = sys.argv[1:]
    if files[0] == "--each":
        json.dump(each(files[1:]), sys.stdout)
        sys.exit()
    read = netcdf
    if files[0] == "--h5":
        read, files = hdf5, files[1:]
    json.dump({f: read(f) for f in files}, sys.stdout)
