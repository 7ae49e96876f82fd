import os
from dataclasses import dataclass


class Paths:
    """Where things are."""
    ROOT = os.getenv("ERA5_ROOT", "/data")
    INPUT = [ROOT + "/sfc", ROOT + "/pl"]
    OUTPUT = f"{ROOT}/hpx"


class Dev(object):
    LEVELS: int = 5


class Prod:
    LEVELS = 37
    if LEVELS > 10:
        CHUNK = 24
    else:
        CHUNK = 6


@dataclass(frozen=True)
class Broker:
    host: str = "localhost"
    port: int = 6379


settings = Prod if os.getenv("ERA5_STAGE", "prod") == "prod" else Dev
broker = Broker()
ERA5_ROOTS = Paths.INPUT
OUTPUT_BUCKET = Paths.OUTPUT
ZARR_PATH = os.path.join(Paths.ROOT, "store.zarr")
LEVELS = settings.LEVELS
TIME_CHUNK = Prod.CHUNK
CELERY_BROKER = f"redis://{broker.host}:{broker.port}/0"
