package main

// prepare makes the values: 744 hours and 24 hours on 37 levels of one field, a little different each time.
const prepare = `
import sys
import netCDF4, numpy as np
d = netCDF4.Dataset(sys.argv[1]); d.set_auto_mask(False)
v = next(v for v in d.variables.values() if v.ndim >= 2 and v.dtype == "f4")
a = np.ascontiguousarray(v[:]).reshape(-1, v.shape[-1])
a[np.abs(a) > 1e19] = np.nan
def tile(n, step):
    return np.stack([a[i % len(a)] if i < len(a) else a[i % len(a)] + np.float32(step * i) for i in range(n)])
tile(744, 0.013).tofile(sys.argv[2] + "/surface.raw")
levels = tile(24 * 37, 0.017)
levels[levels == 0] = 1 # no level is left out
levels.tofile(sys.argv[2] + "/levels.raw")
`

// peer does one job with zarr-python, alone or with zarrs' codecs, and prints its seconds.
const peer = `
import os, sys, time, warnings
import numpy as np, zarr
warnings.simplefilter("ignore")
program, job, dir, repeats = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
if program == "zarrs":
    import zarrs
    zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})
store = dir + "/" + program
if not os.path.exists(store):
    g = zarr.open_group(store, mode="w")
    g.create_array("s", shape=(744, 49152), chunks=(24, 49152), dtype="f4")
    g.create_array("u", shape=(744, 37, 49152), chunks=(24, 1, 49152), shards=(24, 37, 49152), dtype="f4")
g = zarr.open_group(store, mode="r+")
s, u = g["s"], g["u"]
if job == "surface":
    values = np.fromfile(dir + "/surface.raw", "f4").reshape(744, 49152)
elif job in ("shard", "hours"):
    values = np.fromfile(dir + "/levels.raw", "f4").reshape(24, 37, 49152)
times = []
for i in range(1 if job in ("surface", "shard", "hours") else repeats):
    start = time.perf_counter()
    if job == "surface":
        s[:] = values
    elif job == "shard":
        u[24:48] = values
    elif job == "hours":
        u[24:36] = values[:12]
    elif job == "series":
        got = s[:, 777 + 4000 * i]
    elif job == "map":
        got = s[100 + 10 * i]
    else:
        got = u[30, 5 * i]
    times.append(time.perf_counter() - start)
print(sorted(times)[len(times) // 2])
`
