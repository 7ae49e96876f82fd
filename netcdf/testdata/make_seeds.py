"""Write the seeds of the fuzz targets: make_seeds.py FOLDER."""
import os, sys
import h5py, hdf5plugin, netCDF4
import numpy as np

out = sys.argv[1]
for lv in ("earliest", "latest"):
    with h5py.File(os.path.join(out, f"mixed_{lv}.h5"), "w", libver=lv) as f:
        d = np.arange(24, dtype="i4").reshape(4, 6)
        f.create_dataset("a", data=d, chunks=(2, 3), compression="gzip", shuffle=True, fletcher32=True)
        f.create_dataset("b", data=d, chunks=(2, 3), maxshape=(None, 6))
        f.create_dataset("c", data=d, chunks=(2, 3), maxshape=(None, None), compression="lzf")
        f.create_dataset("s", data=np.array(["x", "yy"], object), dtype=h5py.string_dtype())
        f["k"] = np.array([(1, 2.5)], dtype=[("i", "i2"), ("f", "f8")])
        f["k"].attrs["u"] = "m"
        f["g/x"] = 1.5
        f["l"] = h5py.SoftLink("/g/x")
    with h5py.File(os.path.join(out, f"filters_{lv}.h5"), "w", libver=lv) as f:
        d = np.arange(64, dtype="i4")
        for name, kw in (("z", hdf5plugin.Zstd()), ("l", hdf5plugin.LZ4()), ("b", hdf5plugin.Blosc("lz4", 5, 2)), ("p", hdf5plugin.BZip2()),
                         ("t", hdf5plugin.Bitshuffle(cname="lz4")), ("so", dict(scaleoffset=0)), ("sz", dict(compression="szip", compression_opts=("nn", 8)))):
            f.create_dataset(name, data=d.reshape(4, 16), chunks=(4, 16), **kw)
    with h5py.File(os.path.join(out, f"dense_{lv}.h5"), "w", libver=lv) as f:
        for i in range(12):
            f.attrs[f"a{i}"] = i
            f.create_group(f"g{i}")
with netCDF4.Dataset(os.path.join(out, "small.nc"), "w") as ds:
    ds.createDimension("t", None)
    ds.createDimension("x", 3)
    v = ds.createVariable("v", "f4", ("t", "x"), zlib=True, chunksizes=(1, 3))
    v[:2] = 1
    v.units = "K"
with netCDF4.Dataset(os.path.join(out, "classic.nc"), "w", format="NETCDF3_CLASSIC") as ds:
    ds.createDimension("t", None)
    v = ds.createVariable("v", "f4", ("t",))
    v[:2] = 1
    v.units = "K"
