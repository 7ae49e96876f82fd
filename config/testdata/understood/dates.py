import datetime as dt
from datetime import date, datetime, timedelta, timezone

import pandas as pd

EPOCH = datetime(1900, 1, 1)
FIRST = date(1979, 1, 1)
LAST = datetime.strptime("2024-12-31 23", "%Y-%m-%d %H")
TIME_RANGE = pd.date_range(FIRST, LAST, freq=timedelta(hours=3))
START_TIME = pd.to_datetime("1900-01-01")
TIME_UNITS = f"minutes since {EPOCH:%Y-%m-%d %H:%M:%S}"
TIME_CHUNK = timedelta(days=1) // timedelta(hours=3)
LEVELS = (LAST - EPOCH).days % 100 + timedelta(days=1, hours=1).seconds // 3600
OUTPUT_LEVEL = int((dt.datetime(2000, 1, 2) - dt.datetime(2000, 1, 1)).total_seconds() / 86400) + FIRST.month
OUTPUT_BUCKET = "hpx/" + EPOCH.strftime("%Y%m%d") + "-" + (LAST + timedelta(weeks=1)).isoformat() + "/" + EPOCH.isoformat(sep=" ")
ZARR_PATH = f"{FIRST}_{LAST:%Y}_{pd.Timestamp(EPOCH).year}_{pd.Timestamp('2000-03-01').dayofyear}_{FIRST.weekday()}_{FIRST.isoformat()}.zarr"
ZARR_PROFILE = str(datetime(2000, 1, 1, 12, tzinfo=timezone.utc).hour) + str(LAST.date()) + str(FIRST.replace(year=1980)) + str(max(EPOCH, LAST))
ERA5_ROOTS = [f"{d:%Y%m}" for d in [FIRST, date(1980, 2, 29)]] + [(FIRST + timedelta(days=31 * i)).strftime("%Y/%m") for i in range(3)]
CELERY_BROKER = str(datetime.fromisoformat("2000-01-01T05:00").replace(minute=7)) + str(timedelta(hours=25).total_seconds()) + repr(EPOCH < LAST)
