"""Write plain HDF5 files, without or with only some netCDF dimensions: plain_files.py FOLDER, prints their paths."""
import os, random, sys
import numpy as np, h5py

out = sys.argv[1]


def create(name, **kw):
    path = os.path.join(out, name + ".h5")
    print(path)
    return h5py.File(path, "w", **kw)


for name, order in (("byname", False), ("created", True)):
    with create("phony_" + name, track_order=order) as f:
        f["z"] = np.arange(12.0).reshape(3, 4)
        f["a"] = np.arange(4)
        f["square"] = np.arange(9).reshape(3, 3)
        f["scalar"] = 1
        f.create_dataset("grow", data=np.arange(4), maxshape=(None,), chunks=(2,))
        f.create_dataset("grow2", data=np.arange(16).reshape(4, 4), maxshape=(None, 4), chunks=(2, 2))
        f.create_dataset("growboth", data=np.arange(16).reshape(4, 4), maxshape=(None, None), chunks=(2, 2))
        f.create_dataset("empty", shape=(0, 3), dtype="f4")
        g = f.create_group("g", track_order=order)
        g["x"] = np.arange(5)
        g["y"] = np.arange(4)
        h = g.create_group("h", track_order=order)
        h["deep"] = np.arange(20).reshape(4, 5)
        k = f.create_group("b", track_order=order)
        k["w"] = np.arange(5)
        f["text"] = np.array([b"ab", b"c"])
        f["byte"] = np.array([b"a", b"c", b"d", b"e"])
        f["z"].attrs["units"] = "m"
        f["z"].attrs["fixed"] = np.bytes_("fixed")
        f["z"].attrs["list"] = [1, 2, 3]
        f.attrs["title"] = "plain"

with create("scales") as f:
    f["x"] = np.arange(4.0)
    f["y"] = np.arange(3.0)
    f["y"].make_scale("another name")
    f["x"].make_scale()
    f["v"] = np.arange(12.0).reshape(3, 4)
    f["v"].dims[0].attach_scale(f["y"])
    f["v"].dims[1].attach_scale(f["x"])
    f["none"] = np.arange(12.0).reshape(3, 4)
    g = f.create_group("g")
    g["x"] = np.arange(2)
    g["x"].make_scale()
    g["v"] = np.arange(6).reshape(2, 3)
    g["v"].dims[0].attach_scale(g["x"])
    g["v"].dims[1].attach_scale(f["y"])


def fill(r, g, depth, order, scales):
    """Random datasets and groups: few lengths, so that dimensions are shared; some may grow, some are scales."""
    for i in range(r.randint(0, 6)):
        shape = tuple(r.choice([2, 3, 3, 4, 5]) for _ in range(r.choice([0, 1, 1, 2, 2, 3])))
        if shape and r.random() < 0.15:
            shape = (r.choice([0, 1]),) + shape[1:]
        kw = {}
        if shape and r.random() < 0.4:
            kw = dict(maxshape=tuple(None if r.random() < 0.5 else n + r.choice([0, 0, 3]) for n in shape), chunks=True)
        d = g.create_dataset(r.choice("abcdefghijklmnopqrstuvwxyz") + str(i), shape, r.choice(["i4", "f8", "i2", "S1", "S4", "u1", ">i8"]), **kw)
        if scales and len(shape) == 1 and r.random() < 0.4:  # libnetcdf refuses others
            d.make_scale()
    for i in range(r.choice([0, 0, 1, 2]) if depth < 3 else 0):
        fill(r, g.create_group("G" + r.choice("pqrs") + str(i), track_order=order), depth + 1, order, scales)


for seed in range(24):
    r = random.Random(seed)
    order = r.random() < 0.5
    with create(f"random{seed}", libver=r.choice(["earliest", "latest"]), track_order=order) as f:
        fill(r, f, 0, order, seed % 3 == 0)
