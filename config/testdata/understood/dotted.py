# -*- coding: utf-8 -*-
#!/usr/bin/env python3
import datetime, os, pandas
import os.path, pathlib

BASE = pathlib.Path("/data"); OUT = BASE / 'hpx'
if True: LEVELS = 37
ERA5_ROOTS = [
    # "commented/out",
    str(BASE / "a"),  # the surface
    str(BASE / "b"),
]
START_TIME = pandas.Timestamp(datetime.datetime(1900, 1, 1))
TIME_RANGE = pandas.date_range(
    start = "1979-01-01",
    end   = "1979-12-31 23:00:00",
    freq  = '1h',
)
TIME_UNITS = "minutes since %s" % START_TIME.strftime("%Y-%-m-%-d %-H:%-M:%-S")
OUTPUT_BUCKET, OUTPUT_PROFILE = str(OUT), ""
ZARR_PATH = os.path.join(BASE, 'store' '.zarr')
ZARR_PROFILE = OUTPUT_PROFILE
