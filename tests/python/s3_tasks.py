"""The pipeline's `process` in Python over S3: xarray, zarr-python and s3fs, the reference for the Go worker.

Run as a Celery module: celery -A s3_tasks worker. Settings come from the environment: BROKER, STORE (bucket/key), ENDPOINT, AWS_*.
Run as a program, it writes FILES (bucket/key) into a store: s3_tasks.py STORE FILE...
"""
import os
import sys

import numpy as np
import pandas as pd
import s3fs
import xarray as xr
import zarr
from celery import Celery

app = Celery("tasks", broker=os.environ.get("BROKER"))
TIME_RANGE = pd.date_range("1940", "2100", freq="1h")
OPTIONS = {"endpoint_url": os.environ.get("ENDPOINT"), "client_kwargs": {"region_name": "us-east-1"}}


def open_group(store, mode):
    return zarr.open_group("s3://" + store, mode=mode, storage_options=OPTIONS)


def process_file(path, group):
    with xr.open_dataset(s3fs.S3FileSystem(**OPTIONS).cat_file(path), engine="netcdf4") as ds:
        for var in ds.data_vars.values():
            name = var.attrs.get("short_name")
            if not name or "time" not in var.dims:
                continue
            first = TIME_RANGE.get_loc(pd.Timestamp(var.time.values[0]))
            group[name][first:first + var.sizes["time"]] = var.values.astype(np.float32)


@app.task(name="tasks.process", acks_late=True)
def process(file):
    process_file(file, open_group(os.environ["STORE"], "r+"))


if __name__ == "__main__":
    written = open_group(sys.argv[1], "r+")
    for f in sys.argv[2:]:
        process_file(f, written)
