import pandas as pd

TIME_RANGE = pd.date_range(pd.Timestamp("2000-01-01"), pd.Timestamp("2000-02-01"), freq="15min")
TIME_CHUNK = min(24, len(TIME_RANGE))
OUTPUT_BUCKET = f"{TIME_RANGE[0]:%Y%m%d%H}_{TIME_RANGE[-1]:%Y%m%d%H}_{TIME_RANGE.size}_{TIME_RANGE.shape[0]}"
ZARR_PATH = str(TIME_RANGE.min()) + str((TIME_RANGE[1] - TIME_RANGE[0]).total_seconds()) + str(TIME_RANGE[0].year)
