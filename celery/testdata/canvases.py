"""Random canvases. `canvases.py generate SEED N` writes N of them as JSON; `canvases.py choose` reads them and writes
those that the Celery worker on the broker ends, three times in the same way: that made canvases.json. Without arguments
it reads commands, one a line:

    ["apply", canvas]   sends a canvas
    ["wait"]            when the broker is quiet: what ran, what is stored, and the result of the canvas sent last

and answers each with a line. The module has the tasks too: canvas_test.go registers the same ones in Go."""
import json
import random
import re
import sys
import time

from celery import chain, chord, group, signature
from celery.result import GroupResult

from suite import app, store

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def note(*call):
    store().rpush("ran", json.dumps(call, separators=(",", ":")))


def total(v):
    if isinstance(v, list):
        return sum(map(total, v))
    return v if isinstance(v, int) else 0


@app.task(name="canvas.add")
def add(x, y):
    note("add", x, y)
    return total(x) + total(y)


@app.task(name="canvas.same")
def same(x):
    note("same", x)
    return x


@app.task(name="canvas.fail")
def fail(*args):
    note("fail", args)
    raise ValueError("no", 1)


@app.task(bind=True, name="canvas.again", max_retries=1)
def again(self, x=0):
    note("again", x, self.request.retries)
    if not self.request.retries:
        raise self.retry(countdown=0.02)
    return x


@app.task(name="canvas.linked")
def linked(*args):
    note("linked", args)


@app.task(name="canvas.failed")
def failed(*args):
    note("failed", len(args))


@app.task(name="canvas.failed_alone")
def failed_alone():
    note("failed_alone")


@app.task(bind=True, name="canvas.by_task")
def by_task(self, x=0):
    note("by_task", x)
    raise self.replace(sig("add", x, 100))


@app.task(bind=True, name="canvas.by_chain")
def by_chain(self, x=0):
    note("by_chain", x)
    raise self.replace(chain(sig("add", x, 1), sig("add", 10)))


@app.task(bind=True, name="canvas.by_group")
def by_group(self, x=0):
    note("by_group", x)
    raise self.replace(group(sig("same", 7), sig("add", x, 1)))


def sig(name, *args, **kw):
    return app.signature("canvas." + name, args=args, **kw)


def leaf(r, first):
    """A task that takes one more argument in front of its own, unless it is the first of its canvas."""
    name = r.choice(["add", "add", "add", "same", "fail", "again", "by_task", "by_chain", "by_group"])
    immutable = r.random() < 0.15
    whole = first or immutable
    if name == "add":
        s = sig(name, *[r.randrange(9) for _ in range(2 if whole else 1)], immutable=immutable)
    elif name == "fail":
        s = sig(name, immutable=immutable)
    else:
        s = sig(name, *([r.randrange(9)] if whole else []), immutable=immutable)
    if r.random() < 0.12:
        s.link(sig("linked", "L"))
    if r.random() < 0.15:
        s.link_error(r.choice([sig("failed"), sig("failed_alone", immutable=True)]))
    if r.random() < 0.1:
        s.set(countdown=0.02)
    if r.random() < 0.1:
        s.set(priority=r.randrange(10))
    return s


def canvas(r, depth, first=True):
    kind = r.random()
    if depth == 0 or kind < 0.25:
        return leaf(r, first)
    n = r.randint(1, 3)
    if kind < 0.5:
        return chain(*[canvas(r, depth - 1, first and i == 0) for i in range(n)])
    members = [canvas(r, depth - 1, first) for _ in range(n)]
    if kind < 0.7:
        return group(*members)
    return chord(members, canvas(r, depth - 1, False))


def tidy(s):
    return UUID.sub("<id>", s)


def quiet(r):
    """Waits until nothing is queued, runs, or waits. Messages are acknowledged late, after what follows them is sent;
    Kombu registers a message as unacknowledged a moment after taking it, so the worker must wait for messages, too."""
    end, still = time.time() + 300, 0
    while still < 6:
        if time.time() > end:
            raise TimeoutError("the worker does not come to rest")
        queued = any(r.llen("celery" + p) for p in ("", "\x06\x163", "\x06\x166", "\x06\x169"))
        waits = any("b" in c["flags"] and c["cmd"] in ("brpop", "blmove") for c in r.client_list())
        still = still + 1 if waits and not queued and not r.hlen("unacked") else 0
        time.sleep(0.01)


def value(res):
    if isinstance(res, GroupResult):
        return [value(m) for m in res.results]
    if res.state == "FAILURE":
        return tidy("%s%r" % (type(res.result).__name__, res.result.args))
    return res.state if res.result is None else res.result


def stored(r):
    """Every stored result of a task, without ids and times."""
    out = []
    for key in r.keys("celery-task-meta-*"):
        m = json.loads(r.get(key))
        if m["status"] == "FAILURE":
            m["result"] = [m["result"]["exc_type"], m["result"]["exc_message"]]
        for k in ("task_id", "date_done"):
            del m[k]
        m["traceback"] = bool(m["traceback"])
        m["children"] = len(m["children"]) if m.get("name") else None  # else those of the chord part that came last
        m["worker"] = bool(m.get("worker"))
        if m.get("name") in ("celery.chain", "celery.group", "celery.chord"):
            m["kwargs"] = sorted(m["kwargs"])
        out.append(tidy(json.dumps(m, sort_keys=True)))
    return sorted(out)


def observe(r, res):
    quiet(r)
    seen = {
        "ran": sorted(e.decode() for e in r.lrange("ran", 0, -1)),
        "stored": stored(r),
        "value": value(res) if res is not None else None,
        "chords": sorted(tidy(k.decode()) for k in r.keys("celery-taskset-meta-*.[js]") if r.exists(k)),
    }


    for key in r.keys("celery-task*"):
        r.delete(key)
    r.delete("ran")
    return seen


def main():
    r, res = store(), None
    for line in sys.stdin:
        command, *rest = json.loads(line)
        if command == "apply":
            res = signature(rest[0], app=app).apply_async()
            print("true", flush=True)
        else:
            print(json.dumps(observe(r, res)), flush=True)
            res = None


def settled(c):
    seen = [observe(store(), signature(c, app=app).apply_async()) for _ in range(3)]
    return seen[0] == seen[1] == seen[2] and "PENDING" not in json.dumps(seen[0]["value"])


if __name__ == "__main__":
    if sys.argv[1:2] == ["generate"]:
        r = random.Random(int(sys.argv[2]))
        print(json.dumps([canvas(r, 3) for _ in range(int(sys.argv[3]))], separators=(",", ":")))
    elif sys.argv[1:2] == ["choose"]:
        print(json.dumps([c for c in json.load(sys.stdin) if settled(c)], separators=(",", ":")))
    else:
        main()
