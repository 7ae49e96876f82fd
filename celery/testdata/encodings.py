"""Sends tasks in every encoding, with results by rpc://, and prints the results as JSON."""
import json
import os

os.environ["SUITE_BACKEND"] = "rpc://"

from celery.exceptions import TimeoutError as CeleryTimeout  # noqa: E402

import suite  # noqa: E402


def get(result, timeout=20):
    try:
        return result.get(timeout=timeout)
    except CeleryTimeout:
        return "TIMEOUT"
    except Exception as exc:
        return repr(exc)


seen = {}
for serializer in ("json", "yaml", "msgpack"):
    seen[serializer] = get(suite.add.apply_async((1, 2), serializer=serializer))
for compression in ("gzip", "bzip2", "lzma", "zstd", "brotli"):
    seen[compression] = get(suite.add.apply_async((1, 2), compression=compression))
seen["unicode"] = get(suite.identity.delay("Grüße \N{SNOWMAN}"))
seen["error"] = get(suite.fail.delay("no", 1))
seen["pickle"] = get(suite.add.apply_async((1, 2), serializer="pickle"), timeout=1)
print(json.dumps(seen))
