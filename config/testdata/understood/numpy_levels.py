import numpy as np

PRESSURE = np.array([1, 2, 3, 5, 7, 10, 20, 30, 50, 70, 100, 125, 150, 175, 200, 225, 250, 300, 350, 400, 450, 500, 550, 600, 650, 700, 750, 775, 800, 825, 850, 875, 900, 925, 950, 975, 1000])
LEVELS = len(PRESSURE)
TIME_CHUNK = int(np.arange(0, 24, 1).size)
OUTPUT_LEVEL = int(np.log2(64))
NSIDE = 2 ** np.arange(9)
ERA5_ROOTS = [f"e5/{y}" for y in np.arange(1979, 1982)] + [str(p) for p in PRESSURE[:3] * 100] + [f"{n}" for n in NSIDE[-2:]] + [str(PRESSURE.max()), str(PRESSURE.shape), str(int(PRESSURE.sum())), str(PRESSURE.tolist()[-1]), str((PRESSURE[0] + 1))]
ZARR_PATH = f"hpx{int(np.sqrt(49152 / 12))}-{PRESSURE[-1]}-{len(np.linspace(0, 1, 5))}-{np.linspace(0, 1, 5)[1]}.zarr"
START_TIME = np.datetime64("1900-01-01")
