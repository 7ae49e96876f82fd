"""drive_flower.py FLOWER BROKER NODE FOLDER: gives a worker of flower_tasks work, looks at it through Flower and presses
Flower's buttons. Prints one JSON object, without what differs from run to run, to be compared between workers."""
import html.parser
import json
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timedelta, timezone

from celery import Celery

flower, broker, node, folder = sys.argv[1:]
app = Celery("tasks", broker=broker)
seen = {}


def request(path, **post):
    """Status and body of a page; with arguments it is a POST."""
    data = urllib.parse.urlencode(post).encode() if post else None
    try:
        with urllib.request.urlopen(urllib.request.Request(flower + path, data), timeout=120) as r:
            return r.status, r.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


def get(path):
    status, body = request(path)
    assert status == 200, (path, status, body)
    return body


def wait(what, condition):
    end = time.monotonic() + 300
    while not (value := condition()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.05)
    return value


def info(task):
    status, body = request("/api/task/info/" + task)
    return json.loads(body) if status == 200 else {}


def state(task):
    return info(task).get("state")


class Rows(html.parser.HTMLParser):
    """The rows of all tables, and the terms and values of definition lists."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.cell = [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag in ("tr", "dt"):
            self.rows.append([])
        if tag in ("td", "th", "dt", "dd"):
            self.cell = []

    def handle_endtag(self, tag):
        if tag in ("td", "th", "dt", "dd") and self.cell is not None:
            self.rows[-1].append(" ".join("".join(self.cell).split()))
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell.append(data)


def send(name, args, task_id, **options):
    app.send_task(name, args, task_id=task_id, **options)


wait("Flower to know the worker", lambda: node in json.loads(get("/api/workers?refresh=1")))
gate = os.path.join(folder, "gate")
send("tasks.add", [2], "add-1")
send("tasks.add", [2], "add-2", kwargs={"y": 5})
send("tasks.fail", ["no such field"], "fail-1")
wait("the first tasks", lambda: [state(t) for t in ("add-1", "add-2", "fail-1")] == ["SUCCESS", "SUCCESS", "FAILURE"])
send("tasks.add", [7], "eta-1", eta=datetime.now(timezone.utc) + timedelta(minutes=10))
send("tasks.hold", [gate], "hold-1")
send("tasks.hold", [gate], "hold-2")
wait("the long tasks", lambda: [state(t) for t in ("eta-1", "hold-1", "hold-2")] == ["RECEIVED", "STARTED", "STARTED"])
send("tasks.add", [8], "reserved-1")
wait("the reserved task", lambda: state("reserved-1") == "RECEIVED")

# The pages and lists while tasks run, wait and are reserved.
worker = json.loads(get(f"/api/workers?refresh=1&workername={node}"))[node]
seen["worker"] = {
    "keys": sorted(k for k in worker if k != "timestamp"),
    "active": sorted((t["id"], t["name"], t["args"], t["kwargs"], t["acknowledged"], t["hostname"], t["type"]) for t in worker["active"]),
    "reserved": [(t["id"], t["name"], t["args"], t["kwargs"], t["acknowledged"]) for t in worker["reserved"]],
    # Known difference: the arguments of a waiting task are text in Go, which does not keep them decoded.
    "scheduled": [(t["request"]["id"], t["request"]["name"], str(t["request"]["args"]), t["priority"], bool(t["eta"])) for t in worker["scheduled"]],
    "queues": worker["active_queues"],
    "registered": sorted(worker["registered"]),
    "total": worker["stats"]["total"],
    "stats": sorted(k for k in worker["stats"] if k != "events"),  # what Python's have not goes to the tab "Other"
    "broker": {k: v for k, v in worker["stats"]["broker"].items() if k != "port"},
    "prefetch_count": worker["stats"]["prefetch_count"],
}
rows = Rows(get(f"/worker/{node}")).rows
pids = {str(p) for p in [worker["stats"]["pid"], *(worker["stats"]["pool"].get("processes") or [])]}
seen["worker page"] = [
    r for r in rows
    if r and r[0] in {"Name", "UUID", "tasks.add", "tasks.fail", "tasks.hold", "celery", "Prefetch Count"}
]
seen["worker page"] = sorted(["PID" if c in pids else c for c in r] for r in seen["worker page"])
# Known differences: Go's pool and events say more; settings that only Python has are not in the tab "Config".
DIFFERENT = {"Go", "Running", "events", "include", "worker_disable_prefetch", "deprecated_settings"}
seen["names on the worker page"] = sorted({r[0] for r in rows if r} - DIFFERENT - pids)
SAME = {"uuid", "name", "state", "args", "kwargs", "result", "exception", "retries", "worker", "root_id", "parent_id", "expires", "routing_key", "exchange"}
PRESENT = {"received", "started", "succeeded", "failed", "runtime", "eta", "traceback", "timestamp", "clock"}
seen["tasks"] = {
    t: {k: v if k in SAME else bool(v) for k, v in info(t).items() if k in SAME | PRESENT}
    for t in ("add-1", "add-2", "fail-1", "hold-1", "eta-1", "reserved-1")
}
seen["task list"] = sorted((t, v["state"]) for t, v in json.loads(get("/api/tasks")).items())
seen["task pages"] = {
    t: [r for r in Rows(get("/task/" + t)).rows if r and r[0] in {"Arguments", "Keyword arguments", "Result", "Worker", "Retries", "Exception"}]
    for t in ("add-1", "fail-1", "hold-1")
}
seen["types"] = json.loads(get("/api/task/types"))
seen["lists"] = [request(p)[0] for p in ("/", "/workers", "/tasks", "/api/workers?status=1")]
seen["queues"] = json.loads(get("/api/queues/length"))
seen["broker page"] = [r for r in Rows(get("/broker")).rows if r and r[0] == "celery"]
wait("a heartbeat", lambda: f'flower_worker_number_of_currently_executing_tasks{{worker="{node}"}} 2.0' in get("/metrics"))
seen["metrics"] = sorted(
    re.sub(r" [\d.e+-]+$", "", line) if "seconds" in line or "_created" in line else line
    for line in get("/metrics").splitlines()
    if line.startswith("flower_") and f'worker="{node}"' in line and "_created" not in line and "_bucket" not in line and "heartbeat" not in line
)


# The buttons.
def press(name, path, **post):
    status, body = request(path, **post)
    seen.setdefault("buttons", []).append([name, status, body])


def queues():
    return sorted(q["name"] for q in json.loads(get(f"/api/workers?refresh=1&workername={node}"))[node]["active_queues"])


def pool():
    return json.loads(get(f"/api/workers?refresh=1&workername={node}"))[node]["stats"]["pool"]["max-concurrency"]


press("autoscale", f"/api/worker/pool/autoscale/{node}", min=1, max=4)
press("restart", f"/api/worker/pool/restart/{node}", n=0)
press("rate limit", "/api/task/rate-limit/tasks.add", workername=node, ratelimit="100/s")
press("rate limit of an unknown task", "/api/task/rate-limit/tasks.none", workername=node, ratelimit="100/s")
press("time limits", "/api/task/timeout/tasks.add", workername=node, soft=30, hard=60)
press("add consumer", f"/api/worker/queue/add-consumer/{node}", queue="second")
seen["queues with second"] = wait("the second queue", lambda: "second" in queues() and queues())
send("tasks.add", [1], "second-1", queue="second")
wait("the task of the second queue", lambda: state("second-1") == "RECEIVED")
press("cancel consumer", f"/api/worker/queue/cancel-consumer/{node}", queue="second")
seen["queues without second"] = wait("its end", lambda: "second" not in queues() and queues())
press("revoke", "/api/task/revoke/eta-1", terminate="")
press("unknown worker", "/api/worker/pool/grow/nobody@h", n=1)
open(gate, "w").close()
wait("all to end", lambda: [state(t) for t in ("hold-1", "hold-2", "reserved-1", "second-1")] == ["SUCCESS"] * 4)
press("grow", f"/api/worker/pool/grow/{node}", n=2)
seen["grown"] = pool()
press("shrink", f"/api/worker/pool/shrink/{node}", n=2)
seen["shrunk"] = pool()
press("send", "/api/task/send-task/tasks.add", n=0)  # no JSON: refused by Flower, the worker sees nothing
body = json.dumps({"args": [40], "kwargs": {"y": 2}}).encode()
sent = json.load(urllib.request.urlopen(urllib.request.Request(flower + "/api/task/send-task/tasks.add", body), timeout=120))
wait("the task from Flower", lambda: state(sent["task-id"]) == "SUCCESS")
seen["sent"] = {k: info(sent["task-id"])[k] for k in ("name", "args", "kwargs", "result")}


def apply(path, **body):
    """Has Flower send a task, waits for its end and returns the answer without the random id and the frames of a traceback."""
    data = json.dumps(body).encode()
    answer = json.load(urllib.request.urlopen(urllib.request.Request(flower + path, data), timeout=120))
    task = answer.pop("task-id")
    wait("the applied task", lambda: state(task) in ("SUCCESS", "FAILURE"))
    if "traceback" in answer:
        lines = answer["traceback"].splitlines()
        answer["traceback"] = [lines[0], lines[-1]]
    return task, answer


seen["applied"] = apply("/api/task/apply/tasks.add", args=[40], kwargs={"y": 3})[1]
seen["applied and failed"] = apply("/api/task/apply/tasks.fail", args=["on demand"])[1]
task = apply("/api/task/async-apply/tasks.add", args=[40, 4])[0]
seen["result"] = {k: v for k, v in json.loads(get(f"/api/task/result/{task}?timeout=60")).items() if k != "task-id"}
seen["abort"] = request("/api/task/abort/" + task, n=0)[0]
for query in ("state=FAILURE", "taskname=tasks.hold", f"workername={node}&sort_by=name", "search=second", "limit=2&sort_by=-received"):
    seen["tasks?" + query] = sorted((v["name"], v["state"]) for v in json.loads(get("/api/tasks?" + query)).values())
press("shut down", f"/api/worker/shutdown/{node}", n=0)
wait("the worker to be offline", lambda: json.loads(get("/api/workers?status=1")).get(node) is False)
print(json.dumps(seen))
