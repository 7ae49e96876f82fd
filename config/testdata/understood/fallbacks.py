import os

try:
    from dotenv import load_dotenv
except ImportError:
    load_dotenv = None
if load_dotenv is not None:
    load_dotenv()

try:
    import healpipe_no_such_module as extra
    HAVE_EXTRA = True
except ImportError:
    extra = None
    HAVE_EXTRA = False

try:
    from local_settings import *
except ImportError:
    pass

try:
    from config_local import CELERY_BROKER, ZARR_PATH
except ModuleNotFoundError:
    CELERY_BROKER, ZARR_PATH = "redis://localhost/0", "out.zarr"

try:
    LEVELS = int(os.environ["ERA5_NOT_THERE"])
except (KeyError, ValueError) as error:
    LEVELS = 37
    OUTPUT_BUCKET = "".join(["caught ", str(isinstance(error, KeyError))])
else:
    OUTPUT_BUCKET = "none"
finally:
    TIME_CHUNK = 12

try:
    OUTPUT_LEVEL = int("six")
except ValueError:
    OUTPUT_LEVEL = 6
ZARR_PROFILE = "extra" if HAVE_EXTRA else "plain"
