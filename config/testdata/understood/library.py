import functools
import itertools
import json
import math
import operator
import re
from collections import OrderedDict, defaultdict, namedtuple
from functools import partial, reduce
from urllib.parse import quote, quote_plus, urlparse

OPTIONS = json.loads('{"levels": 37, "roots": ["a", "b"], "deep": {"x": null, "y": true}}')
LEVELS = OPTIONS["levels"]
ERA5_ROOTS = OPTIONS["roots"] + ["/".join(p) for p in itertools.product(["sfc", "pl"], ["1", "2"])] + list(itertools.chain(["c"], ["d"]))
OUTPUT_LEVEL = int(math.log2(64)) if math.log2(64).is_integer() else 0
TIME_CHUNK = reduce(lambda p, q: p * q, [2, 3, 4])
PASSWORD = "p@ss w/rd"
CELERY_BROKER = f"redis://:{quote(PASSWORD, safe='')}@h/0"
RESULT_BACKEND = f"redis://:{quote_plus(PASSWORD)}@h/1"
redis = partial("redis://{}:{}".format, "h")
ZARR_PATH = redis(1) + OrderedDict([("k", "v")])["k"] + str(math.ceil(1.2)) + str(math.prod([2, 3]))
