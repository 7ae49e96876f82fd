"""Write HDF5 files that are more than one plain file: driver_files.py FOLDER, prints their paths."""
import os, sys
import numpy as np, h5py
import h5low

out = sys.argv[1]
for lv in ("earliest", "latest"):
    path = os.path.join(out, f"family_{lv}_%05d.h5")
    print(path % 0)
    with h5py.File(path, "w", driver="family", memb_size=1 << 16, libver=lv) as f:
        f["x"] = np.arange(40000)
    path = os.path.join(out, f"split_{lv}")
    print(path + "-m.h5")
    with h5py.File(path, "w", driver="split", libver=lv) as f:
        f["x"] = np.arange(1000)

path = os.path.join(out, "cacheimage.h5")
print(path)
with h5low.create(path, ("LATEST", "LATEST"), lambda c, a: h5low.cache_image(a)) as f:
    for i in range(5):
        f[f"g/d{i}"] = np.arange(10, dtype="i8") + i
    f.create_dataset("chunks", data=np.arange(100, dtype="i8"), chunks=(7,), maxshape=(None,))
    f["chunks"].attrs["number"] = 5
