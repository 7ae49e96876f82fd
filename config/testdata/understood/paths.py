import os
import os.path as osp
from pathlib import Path as P, PurePosixPath

HERE = P(__file__).resolve().parent
REPO = P(__file__).resolve().parents[0]
UP = P(__file__).parent / ".." / "shared"
ERA5_ROOTS = [str(HERE / "ERA5_sfc"), HERE.joinpath("ERA5_pl", "1979"), P.home() / "era5", UP.resolve(), UP, P("a") / P("/b"), P("x//y/./z/"), P("/data").parent, P("a/b/c.tar.gz").with_suffix(".nc"),
              P("a/b").with_name("c"), PurePosixPath("p", "q"), P("/data/x").relative_to("/data"), P("c.nc").with_stem("d"), P("/a/b").as_posix()]
OUTPUT_BUCKET = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "hpx")
OUTPUT_PROFILE = P("/no/such/folder").exists() and "there" or "".join(P("/a/b/c.nc").parts[1:])
ZARR_PATH = osp.normpath(osp.join(osp.dirname(__file__), "..", "store", "era5.zarr"))
ZARR_PROFILE = P("x/era5.zarr.d").suffix + P("era5.tar.gz").stem + P("/a").name + str(len(P("/a/b/c").parents)) + "|".join(P("a.tar.gz").suffixes)
CELERY_BROKER = f"redis+socket://{P('/run') / 'redis.sock'}"
ERA5_PROFILE = str(P("a/b") == P("a//b")) + str(P("a") < P("b")) + str(isinstance(HERE, P)) + str(P("/x").is_absolute()) + P("/a/b").anchor
LEVELS = len(str(os.path.split("/a/b/c")[1])) + len(os.sep)
