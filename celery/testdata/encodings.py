"""Sends tasks in every encoding and by both protocols, with results by rpc://, and prints the results as JSON."""
import datetime
import decimal
import json
import os
import pprint

os.environ["SUITE_BACKEND"] = "rpc://"

from celery.exceptions import TimeoutError as CeleryTimeout  # noqa: E402

import suite  # noqa: E402


def get(call, timeout=60):
    try:
        return pprint.pformat(call().get(timeout=timeout), width=1_000_000)  # dictionaries by their keys
    except CeleryTimeout:
        return "TIMEOUT"
    except Exception as exc:
        return repr(exc)


def protocol(version):
    suite.app.conf.task_protocol = version
    for name in ("create_task_message", "_create_task_sender"):
        suite.app.amqp.__dict__.pop(name, None)


NESTED = {"list": [1, -2.5, None, True, "Grüße \N{SNOWMAN}\U0001f600"], "map": {"": "", "a b": {"deep": [[[]]]}}, "big": 2**53, "text": "x" * 5000}
# Values of types that not every serializer has.
TYPED = {"when": datetime.datetime(2024, 2, 29, 1, 2, 3, 4, datetime.timezone.utc), "day": datetime.date(2024, 2, 29), "raw": b"\x00\xff", "price": decimal.Decimal("1.10")}

seen = {}
for version in (2, 1):
    protocol(version)
    for serializer in ("json", "yaml", "msgpack"):
        for compression in (None, "gzip", "bzip2", "lzma", "zstd", "brotli", "zlib"):
            seen["%d %s %s" % (version, serializer, compression)] = get(lambda: suite.identity.apply_async((NESTED,), serializer=serializer, compression=compression))
        seen["%d %s keywords" % (version, serializer)] = get(lambda: suite.add.apply_async((1,), {"y": 2, "z": 3}, serializer=serializer))
        for key, value in TYPED.items():
            seen["%d %s %s" % (version, serializer, key)] = get(lambda: suite.identity.apply_async((value,), serializer=serializer))
        seen["%d %s error" % (version, serializer)] = get(lambda: suite.fail.apply_async(("no", 1), serializer=serializer))
    seen["%d pickle" % version] = get(lambda: suite.add.apply_async((1, 2), serializer="pickle"), timeout=1)
print(json.dumps(seen))
