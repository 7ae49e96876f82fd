from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Final, List, Optional, Union

LEVELS: int = 37
TIME_CHUNK: Final[int] = 24
ERA5_ROOTS: List[str] = ["a", "b"]
ERA5_PROFILE: Optional[str] = None
OUTPUT_BUCKET: Union[str, Path] = Path("out") / "hpx"
ZARR_PATH: "str | Path" = Path("out", "store.zarr")
CELERY_BROKER: str
OPTIONS: Dict[str, Any] = {}


def broker(host: str, port: int = 6379, *rest: Any, db: int | None = None, **more: Dict[str, int]) -> str:
    url: str = f"redis://{host}:{port}/{db or 0}"
    return url


CELERY_BROKER = broker("h", db=2)
