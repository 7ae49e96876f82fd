KINDS = ("sfc", "pl")
SIZES = {kind: len(kind) for kind in KINDS}
UNIQUE = {k.lower() for k in ["PL", "pl", "SFC"]}
ERA5_ROOTS = [f"archive/e5.oper.an.{kind}/{year}{month:02d}" for kind in KINDS for year in range(1979, 1981) for month in (1, 12) if not (kind == "pl" and month == 1)]
LEVELS = sum(1 for v in SIZES.values() if v > 1) + len(UNIQUE)
TIME_CHUNK = max(n for n in range(1, 100) if 24 % n == 0)
OUTPUT_LEVEL = {nside: level for level, nside in enumerate([2 ** i for i in range(8)])}[64]
NESTED = [[x * y for x in range(3)] for y in range(3)]
ZARR_PATH = "-".join(str(cell) for row in NESTED for cell in row)
CELERY_BROKER = "redis://" + ",".join(sorted(k + str(v) for k, v in SIZES.items())) + ":6379/0"
