import os


def setting(name, default=None, *, cast=str, required=False):
    """Look a setting up in the environment."""
    value = os.environ.get(f"ERA5_{name}", default)
    if value is None:
        if required:
            raise RuntimeError(f"{name} is missing")
        return None
    return cast(value)


def under(root):
    def join(*parts, suffix=""):
        path = root
        for part in parts:
            path = path + "/" + str(part)
        return path + suffix
    return join


def roots(*kinds, prefix="ERA5_", **extra):
    return [prefix + k for k in kinds] + [f"{prefix}{k}_{v}" for k, v in sorted(extra.items())]


data = under("/data")
TIME_CHUNK = setting("CHUNK", 24, cast=int)
LEVELS = setting("LEVELS", "37", cast=int)
OUTPUT_LEVEL = setting("DEPTH", cast=int)
ERA5_ROOTS = roots("sfc", *["pl"], tp="1h")
OUTPUT_BUCKET = data("hpx", 2 ** 6, suffix="/files")
ZARR_PATH = data("store", suffix=".zarr")
ZARR_PROFILE = setting("PROFILE") or ""
CELERY_BROKER = (lambda host, port=6379: f"redis://{host}:{port}/0")("broker")
