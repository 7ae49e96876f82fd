import os
from os import environ, getenv, path

from dotenv import load_dotenv

load_dotenv()
os.environ.setdefault("ERA5_PROFILE", "archive")
os.environ["ERA5_MADE"] = "made"
ROOT = os.getenv("ERA5_ROOT", "/data")
DEBUG = os.environ.get("DEBUG", "0").strip().lower() in {"1", "true", "yes"}
ERA5_ROOTS = environ.get("ERA5_LIST", "a, b ,c").replace(" ", "").split(",")
ERA5_PROFILE = os.environ["ERA5_PROFILE"]
OUTPUT_BUCKET = path.join(ROOT, getenv("ERA5_OUT") or "hpx", os.environ["ERA5_MADE"])
OUTPUT_PROFILE = "debug" if DEBUG else ""
ZARR_PATH = os.path.expandvars("$HOME/${ERA5_MADE}/$NOT_THERE/x") + os.path.expanduser("~/store")
ZARR_PROFILE = os.environ.pop("ERA5_MADE", None) + str("ERA5_MADE" in os.environ) + str(os.environ.get("ERA5_MADE"))
TIME_CHUNK = int(os.environ.get("ERA5_CHUNK", default="24"))
LEVELS = int(os.getenv("ERA5_LEVELS", 37))
del os.environ["ERA5_PROFILE"]
CELERY_BROKER = "redis://%s/0" % os.environ.get("ERA5_PROFILE", "gone")
USER = os.environ.get("USER", default=None)
