"""Settings of the workflow; edit and keep beside the scripts."""
import pandas as pd

TIME_CHUNK = 24
TIME_RANGE = pd.date_range("1940", "2100", freq="1h")
START_TIME = pd.Timestamp("1900-01-01")
TIME_UNITS = "minutes since 1900-1-1 0:0:0"
LEVELS = 37
OUTPUT_LEVEL = 6

ERA5_ROOTS = ["ERA5_sfc", "ERA5_pl", "ERA5_1h_acc_precip"]
ERA5_PROFILE = ""
OUTPUT_BUCKET = "path/to/ERA5_HPX6"
OUTPUT_PROFILE = ""
ZARR_PATH = "path/to/output.zarr"
ZARR_PROFILE = ""
CELERY_BROKER = "redis://localhost:6379/0"
