"""The pipeline as Python sees it: a Celery app to send tasks with, and what the scripts call.

Sending, watching and purging are Celery's own. All work on files is done by the program healpipe: as the
worker (`celery -A tasks worker`, with healpipe under the name celery, or `healpipe -A tasks worker`), and
for the index and the store as a command that the functions below run.

    import config, tasks
    tasks.update_index(config.OUTPUT_BUCKET, config.OUTPUT_PROFILE)
    tasks.initialize_zarr()
    tasks.process.delay("path/to/ERA5_HPX6/e5.oper.an.sfc.128_167_2t.ll025sc.2000010100_2000013123.nc")

Needs Python 3.9 or later, celery[redis] and what config.py imports.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import types
from pathlib import Path

try:  # .env beside the scripts; healpipe reads it in any case
    from dotenv import load_dotenv
except ImportError:
    pass
else:
    load_dotenv(Path(__file__).resolve().parent / ".env")

from celery import Celery
from celery.app.defaults import _TO_NEW_KEY, SETTING_KEYS
from celery.signals import celeryd_init

import config

# short_name of the fields that the store has, at the surface and on pressure levels.
sl_variables = ["tclw", "tciw", "2t", "10u", "10v", "msl", "tp", "sstk", "ci", "2d", "tcwv", "100u", "100v"]
pl_variables = ["z", "t", "u", "v", "q"]

app = Celery("tasks", broker=config.CELERY_BROKER)


def _celery_name(name):
    """Celery's name for a name of config.py that is a setting of its own, also an old one; None for any other."""
    if name in SETTING_KEYS:
        return name
    if name.startswith(("CELERY_", "CELERYD_", "CELERYBEAT_", "BROKER_")):
        new = name[len("CELERY_"):].lower()
        return _TO_NEW_KEY.get(name, new if new in SETTING_KEYS else None)
    return None


def _celery_settings():
    """Celery's own settings in config.py, which healpipe heeds as well (docs/configuration.md)."""
    found = {}
    for name, value in sorted(vars(config).items()):  # upper case first, so that the new of two names counts
        setting = _celery_name(name)
        # CELERY_BROKER is broker_url; `from datetime import timezone` is no setting.
        if setting and setting != "broker_url" and not isinstance(value, (type, types.ModuleType)):
            found[setting] = value
    return found


app.conf.update(_celery_settings())


@app.task(name="tasks.regrid_file", acks_late=True)
def regrid_file(file_path):
    """Regrid one ERA5 file onto HEALPix; the task returns the path of the result."""
    raise _not_in_python("regrid_file")


@app.task(name="tasks.process", acks_late=True)
def process(file):
    """Write one regridded file into the Zarr store; the task returns nothing."""
    raise _not_in_python("process")


def update_index(root=None, profile=None):
    """Write ROOT/index.csv: an index of the *.nc directly under an output root."""
    settings = {}
    if root is not None:
        settings["HEALPIPE_OUTPUT_BUCKET"] = str(root)
    if profile is not None:
        settings["HEALPIPE_OUTPUT_PROFILE"] = str(profile)
    _run(["index", "update"], settings)


def create_index(out):
    """Write the index of all files under ERA5_ROOTS to the CSV file OUT."""
    _run(["index", "create", str(out)])


def initialize_zarr():
    """Create the store, or those of its arrays that it lacks."""
    _run(["init"])


def get_uncompleted_regrid_tasks():
    """Paths that index.csv has and OUTPUT_BUCKET has not, by date and name."""
    return _lines(["enqueue", "regrid", "--dry-run"])


def get_uncompleted_curation_tasks():
    """Regridded files for whose time range the store has no chunk yet."""
    return _lines(["enqueue", "curate", "--dry-run"])


def queue_size():
    """Number of messages in the queue, those that workers already hold not counted."""
    with app.connection_or_acquire() as connection:
        return connection.default_channel.client.llen(app.conf.task_default_queue)


def monitor(interval=1.0):
    """Show how the queue drains, until it is interrupted (Ctrl-C)."""
    most = done = 0
    last = begin = None
    try:
        while True:
            size, now = queue_size(), time.monotonic()
            if begin is None:
                begin = now
            elif size < last:
                done += last - size
            most, last = max(most, done + size), size
            share = done / most if most else 1.0
            rate = done / (now - begin) if now > begin else 0.0
            left = f"{size / rate:.0f} s left" if rate and size else "waiting" if size else "empty"
            bar = "#" * int(30 * share)
            line = f"[{bar:<30}] {done}/{most} taken, {size} queued, {rate:.2f}/s, {left}"
            print("\r\033[K" + line if sys.stdout.isatty() else line, end="" if sys.stdout.isatty() else "\n", flush=True)
            time.sleep(interval)
    except KeyboardInterrupt:
        print()


# healpipe


class HealpipeError(RuntimeError):
    """healpipe was not found, or it failed; it has said why on standard error."""


def healpipe():
    """Path of the program: HEALPIPE_BIN, the folder of this file, or PATH."""
    named = os.environ.get("HEALPIPE_BIN")
    beside = Path(__file__).resolve().parent / "healpipe"
    found = shutil.which(named) if named else shutil.which(str(beside)) or shutil.which("healpipe")
    if found:
        return found
    if named:
        raise HealpipeError(f"HEALPIPE_BIN names no program that can be run: {named}")
    raise HealpipeError(
        f"the program healpipe was not found: build it with `make build`, then put bin/healpipe into {beside.parent} "
        "or on PATH, or name it in HEALPIPE_BIN"
    )


def _settings():
    """This module's config as variables, so that healpipe has the values that Python computed."""
    out = {}
    for name in (
        "TIME_CHUNK", "TIME_UNITS", "LEVELS", "OUTPUT_LEVEL", "ERA5_PROFILE", "OUTPUT_PROFILE", "ZARR_PATH", "ZARR_PROFILE",
    ):  # fmt: skip
        if hasattr(config, name):
            value = getattr(config, name)
            out[f"HEALPIPE_{name}"] = "" if value is None else str(value)
    for name in ("OUTPUT_BUCKET", "OUTPUT_ROOT"):
        if hasattr(config, name):
            out["HEALPIPE_OUTPUT_BUCKET"] = str(getattr(config, name))
            break
    if hasattr(config, "ERA5_ROOTS"):
        roots = config.ERA5_ROOTS
        out["HEALPIPE_ERA5_ROOTS"] = json.dumps([str(r) for r in ([roots] if isinstance(roots, str) else roots)])
    if hasattr(config, "START_TIME"):
        out["HEALPIPE_START_TIME"] = str(config.START_TIME)
    axis = getattr(config, "TIME_RANGE", None)
    if axis is not None and len(axis) > 1:
        step = int((axis[1] - axis[0]).total_seconds())
        out["HEALPIPE_TIME_RANGE"] = f"{axis[0]}/{axis[-1]}/{step}s"
    return out


def _run(args, settings=None, **options):
    """Run a command of healpipe; what it says goes to standard error."""
    environment = {**_settings(), **os.environ, **(settings or {})}
    done = subprocess.run([healpipe(), *args], env=environment, text=True, **options)
    if done.returncode != 0:
        raise HealpipeError(f"`healpipe {' '.join(args)}` ended with exit code {done.returncode}")
    return done


def _lines(args):
    return _run(args, stdout=subprocess.PIPE).stdout.splitlines()


def main(function, *args):
    """Run a script's function; a failure of healpipe is one line rather than a traceback."""
    try:
        return function(*args)
    except HealpipeError as err:
        raise SystemExit(f"{Path(sys.argv[0]).name}: {err}") from None


def _not_in_python(name):
    return NotImplementedError(f"tasks.{name} is not run by Python: send it with .delay(...) and start a healpipe worker")


@celeryd_init.connect
def _refuse_python_worker(**_):
    raise SystemExit(
        "tasks: these tasks are run by healpipe, not by a Python worker: start `healpipe -A tasks worker` "
        "(or link healpipe as `celery` in front of Python's on PATH)"
    )
