"""Settings of the ERA5 -> HEALPix -> Zarr pipeline: edit this file.

The Python scripts import it; healpipe reads it from the folder in which it is started. Each setting can
also be given to healpipe by a flag (--zarr-path) or a variable (HEALPIPE_ZARR_PATH), also in a file .env
beside this one; docs/configuration.md has them all. `healpipe doctor` prints what is in force and why.
"""

import pandas as pd

# The store's time axis and its chunks: hours in a chunk; every hour that the store has room for; the epoch
# and the units of its array `time`.
TIME_CHUNK = 24
TIME_RANGE = pd.date_range("1940", "2100", freq="1h")
START_TIME = pd.Timestamp("1900-01-01")
TIME_UNITS = "minutes since 1900-1-1 0:0:0"

# Pressure levels of the input, and the HEALPix level of the output (6: nside 64, 49152 cells).
LEVELS = 37
OUTPUT_LEVEL = 6

# A profile is a section of ~/.config/rclone/rclone.conf with type = s3. With one, a path is bucket/key;
# with an empty one it is a local path.

# The archive's files on the 0.25 degree grid.
ERA5_ROOTS = ["ERA5_sfc", "ERA5_pl", "ERA5_1h_acc_precip"]
ERA5_PROFILE = ""

# The regridded files.
OUTPUT_BUCKET = "path/to/ERA5_HPX6"
OUTPUT_ROOT = OUTPUT_BUCKET  # its name in older scripts
OUTPUT_PROFILE = ""

# The store. Its profile also writes the regridded files.
ZARR_PATH = "path/to/output.zarr"
ZARR_PROFILE = ""

# The message queue.
CELERY_BROKER = "redis://localhost:6379/0"
