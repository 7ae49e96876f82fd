"""The pipeline's `process` in Python (xarray, zarr-python): the reference that the Go worker is compared with.

Run as a Celery module: celery -A reference_tasks worker. The app is called "tasks", so that it takes the
same messages as the Go worker. Settings come from the environment: BROKER, STORE.
"""
import os

import numpy as np
import pandas as pd
import xarray as xr
import zarr
from celery import Celery

app = Celery("tasks", broker=os.environ.get("BROKER", "redis://localhost:6379/0"))
TIME_RANGE = pd.date_range("1940", "2100", freq="1h")


def process_file(path, store):
    group = zarr.open_group(store, mode="r+")
    with xr.open_dataset(path) as ds:
        for var in ds.data_vars.values():
            name = var.attrs.get("short_name")
            if not name or "time" not in var.dims:
                continue
            first = TIME_RANGE.get_loc(pd.Timestamp(var.time.values[0]))
            group[name][first:first + var.sizes["time"]] = var.values.astype(np.float32)


@app.task(name="tasks.process", acks_late=True)
def process(file):
    process_file(file, os.environ["STORE"])
