import os

if (host := os.environ.get("ERA5_HOST")) is None:
    host = "localhost"
if root := os.getenv("HOME"):
    ZARR_PATH = root + "/store.zarr"
CELERY_BROKER = f"redis://{host}:6379/0"
OUTPUT_BUCKET = out if (out := os.getenv("ERA5_OUT")) else "hpx"
print(n := 10)
LEVELS = n
