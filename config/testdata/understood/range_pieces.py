import pandas as pd

YEARS = range(1979, 2025)
FULL = pd.date_range(start=f"{YEARS[0]}-01-01", end=f"{YEARS[-1]}-12-31 23:00", freq="h")
TIME_RANGE = FULL[:-24][::3]
TIME_CHUNK = int(pd.Timedelta("1D") / pd.Timedelta("3h"))
LEVELS = len(FULL[FULL.size - 5:])
START_TIME = FULL[0] - pd.Timedelta(days=1)
ZARR_PATH = FULL[0].strftime("%Y") + (FULL[-1] + pd.Timedelta(1, unit="h")).isoformat() + str(pd.Timestamp("2000-01-01 00:00") + pd.offsets.Hour(5)) + str(pd.Timestamp("2000-01-31").day_name())
