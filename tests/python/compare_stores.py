"""compare_stores.py STORE REFERENCE: two stores on S3 (bucket/key) have the same metadata, the same chunks and the
same values. Prints one JSON object. The environment is that of s3_tasks.py."""
import json
import sys

import numpy as np
import s3fs
from s3_tasks import OPTIONS, open_group

stores = sys.argv[1:]
fs = s3fs.S3FileSystem(**OPTIONS)
names = [{f[len(s) + 1:] for f in fs.find(s)} for s in stores]
assert names[0] == names[1], sorted(names[0] ^ names[1])
metadata = {n for n in names[0] if n.endswith("zarr.json")}
for n in metadata:
    a, b = (json.loads(fs.cat_file(f"{s}/{n}")) for s in stores)
    assert a == b, n
ours, theirs = (open_group(s, "r") for s in stores)
report = {"chunks": 0, "values": 0, "missing": 0, "arrays": []}
for n in sorted(names[0] - metadata):
    array, _, *index = n.split("/")
    a, b = ours[array], theirs[array]
    shape = a.shards or a.chunks
    where = tuple(slice(int(i) * s, (int(i) + 1) * s) for i, s in zip(index, shape))
    x, y = a[where], b[where]
    assert x.dtype == y.dtype and x.shape == y.shape and x.size, n
    assert x.tobytes() == y.tobytes() or ((x == y) | (np.isnan(x) & np.isnan(y))).all(), n
    report["chunks"] += 1
    report["values"] += int(x.size)
    report["missing"] += int(np.isnan(x).sum())
    if array not in report["arrays"]:
        report["arrays"].append(array)
print(json.dumps(report))
