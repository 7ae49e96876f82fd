"""What an eager call stores with task_store_eager_result."""
import json

import suite
from drive import Names, meta

names = Names()
out = []
for r in (suite.add.delay(1, 2), suite.fail.delay("no"), suite.ignored.delay()):
    m = meta(r.id)
    out.append(m and {k: names(m[k], k) for k in ("status", "result", "task_id", "children")})
print(json.dumps(out))
