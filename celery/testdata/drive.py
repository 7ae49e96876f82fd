"""Runs checks against whatever worker serves the broker and prints what was observed as one JSON object."""
import contextlib
import datetime
import json
import re
import sys
import threading
import time

from celery import chain, chord, group, signature
from celery.exceptions import TimeoutError as CeleryTimeout
from celery.result import AsyncResult

import suite
from suite import app, store

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d|Z)?")
NUMBERS = {"timestamp", "runtime", "clock", "pid", "worker_pid", "time_start", "local_received", "utcoffset", "loadavg"}


class Names:
    """Replaces ids by the order of their appearance, so that two runs compare equal."""

    def __init__(self):
        self.seen = {}

    def text(self, s):
        s = UUID.sub(lambda m: self.seen.setdefault(m.group(0), "<%d>" % (len(self.seen) + 1)), s)
        return ISO.sub("<time>", s)

    def __call__(self, v, key=None):
        if key == "traceback" and isinstance(v, str):
            return "..." + self.text(v.strip().splitlines()[-1])
        if key in NUMBERS and v is not None:
            return "<%s>" % type(v).__name__
        if isinstance(v, dict):
            return {self.text(str(k)): self(v[k], k) for k in sorted(v, key=str)}
        if isinstance(v, (list, tuple)):
            return [self(e) for e in v]
        if isinstance(v, str):
            return self.text(v)
        if isinstance(v, (int, float, bool)) or v is None:
            return v
        return self.text(repr(v))


CHECKS = {}


def check(f):
    CHECKS[f.__name__] = f
    return f


def get(r, timeout=60):
    """The result. Celery's client misses one that is stored between its GET and the server's taking its SUBSCRIBE; it
    reads again with every call, hence the short ones."""
    end = time.time() + timeout
    while True:
        try:
            return r.get(timeout=0.5)
        except CeleryTimeout:
            if time.time() > end:
                return "TIMEOUT"
        except Exception as exc:
            return "%s.%s%r" % (type(exc).__module__, type(exc).__name__, exc.args)


def meta(id):
    raw = store().get("celery-task-meta-" + id)
    return json.loads(raw) if raw else None


def until(cond, timeout=60):
    end = time.time() + timeout
    while time.time() < end:
        if cond():
            return True
        time.sleep(0.02)
    return False


def lrange(key):
    return [e.decode() for e in store().lrange(key, 0, -1)]


def simple(sig, **opts):
    r = sig.apply_async(**opts)
    value = get(r)
    return [r.id, value, meta(r.id)]


@check
def success():
    return simple(suite.add.s(2, 3), task_id="00000000-0000-0000-0000-000000000001") + [store().ttl("celery-task-meta-00000000-0000-0000-0000-000000000001") > 86000]


@check
def values():
    out = []
    for v in [1, 1.5, 1e20, "text", "it's", None, True, [1, [2, {"a": None}]], {"a": 2, "b": [1]}, "\u00e9\n", 2**70, -0.0]:
        r = suite.identity.delay(v)
        out.append([repr(get(r)), meta(r.id)["result"]])
    return out


@check
def no_result():
    return simple(suite.none.s())


@check
def failure():
    return simple(suite.fail.s("bad", 1)) + simple(suite.fail.s())


@check
def expected_failure():
    return simple(suite.expected.s())


@check
def wrong_arguments():
    out = []
    for args, kwargs in [((), {}), ((1,), {}), ((1, 2, 3, 4), {}), ((1, 2), {"q": 1}), ((1, 2), {"x": 1}), ((), {"z": 1}), ((1,), {"y": 2, "z": 3})]:
        r = app.send_task("suite.add", args, kwargs)
        out.append([get(r), meta(r.id)["result"]])
    r = app.send_task("suite.none", (1,))
    return out + [get(r)]


@check
def unknown_task():
    r = app.send_task("suite.unknown", (1,))
    return [r.id, get(r), meta(r.id)]


@check
def retries():
    return simple(suite.retry_once.s())


@check
def retries_exhausted():
    return [get(suite.retry_exhausted.delay(True)), re.sub("<.*", "", Names()(get(suite.retry_exhausted.delay(False)))), get(suite.autoretry.delay())]


@check
def ignored_result():
    r = suite.ignored.delay()
    suite.add.delay(1, 1).get(timeout=60)
    return [meta(r.id)]


@check
def call_ignores_result():
    results = [suite.add.apply_async((1, 2), ignore_result=how) for how in (True, 1, "yes", 0, "")]
    suite.add.delay(1, 1).get(timeout=60)
    until(lambda: all(meta(r.id) for r in results[-2:]))
    return [meta(r.id) is not None for r in results]


@check
def custom_state():
    r = suite.progress.delay()
    value = get(r)
    return [r.id, value, json.loads(store().lpop("progress")), meta(r.id)]


@check
def countdown():
    start = time.time()
    v = simple(suite.add.s(1, 1), countdown=0.4)
    return v + [time.time() - start >= 0.4]


@check
def expired():
    return simple(suite.add.s(1, 1), expires=-1)


@check
def rejected():
    store().delete("reject")
    return simple(suite.reject.s(False)) + simple(suite.reject.s(True))


@check
def ignore_outcome():
    r = suite.ignore.delay()
    suite.add.delay(1, 1).get(timeout=60)
    return [meta(r.id)]


@check
def link():
    store().delete("echo")
    r = suite.add.apply_async((1, 2), link=[suite.echo.s(), suite.add.s(10) | suite.echo.s()])
    get(r)
    until(lambda: store().llen("echo") == 2)
    m = meta(r.id)
    return sorted(lrange("echo")) + [len(m["children"])]


@check
def link_one():
    store().delete("echo")
    r = suite.add.apply_async((1, 2), link=suite.echo.s())
    get(r)
    until(lambda: store().llen("echo") == 1)
    return [r.id, meta(r.id)]


@check
def errback_in_place():
    store().delete("errback")
    here = suite.errback_here
    r = suite.fail.apply_async(link_error=[here.s(), here.s("stored"), here.s(label="named"), here.si(1, 2, 3)])
    value = get(r)
    until(lambda: store().llen("errback") == 3)
    return [r.id, value, lrange("errback")]


@check
def retry_with_other_arguments():
    return [get(suite.retry_args.apply_async(kwargs={"x": 1, "y": 2, "label": "kept"})), get(suite.retry_args.delay(1, 2, label="kept")),
            get(suite.retry_kwargs.delay(1, 2)), get(suite.retry_kwargs.delay(x=1, y=2))]


@check
def chord_with_errbacks_on_its_group_body():
    out = []
    for group_own in (True, False):
        store().delete("echo")
        body = group(suite.fail.s(), suite.xsum.s())
        if group_own:
            body.set(link_error=suite.echo.si("group"))
        body.tasks[0].link_error(suite.echo.si("own"))
        r = chord([suite.add.si(1, 1)], body).apply_async(link_error=suite.echo.si("chord"))
        value = get(r)
        until(lambda: store().llen("echo") == 2)
        time.sleep(0.2)
        out.append([value, sorted(lrange("echo"))])
    return out


@check
def signatures_returned():
    value = get(suite.signatures.delay())
    return [value, get(signature(value[1]["nested"]).apply_async())]


@check
def own_request():
    return get(suite.request.apply_async(app_id="1234", priority=3, time_limit=60, soft_time_limit=45))


@check
def link_error():
    store().delete("errback")
    r = suite.fail.apply_async(link_error=suite.errback.s())
    value = get(r)
    until(lambda: store().llen("errback") == 1)
    return [r.id, value, lrange("errback"), meta(r.id)["children"]]


@check
def chain_of_three():
    r = (suite.add.s(1, 2) | suite.add.s(3) | suite.add.s(4)).delay()
    value = get(r)
    return [r.id, r.parent.id, r.parent.parent.id, value, meta(r.id), meta(r.parent.id), meta(r.parent.parent.id)]


@check
def chain_ids():
    r = (suite.ids.si(1) | suite.ids.si(2) | suite.ids.si(3)).delay()
    value = get(r)
    return [r.parent.parent.id, get(r.parent.parent), get(r.parent), value]


@check
def chain_failure():
    store().delete("errback")
    r = chain(suite.add.s(1, 2), suite.fail.s(), suite.add.s(4), suite.add.s(5)).apply_async(link_error=suite.errback.s())
    value = get(r)
    until(lambda: store().llen("errback") == 1)
    return [r.id, r.parent.id, r.parent.parent.id, value, meta(r.id), meta(r.parent.id), lrange("errback")]


@check
def group_of_three():
    r = group(suite.add.s(i, i) for i in range(3)).delay()
    return [r.id, get(r), [meta(c.id) for c in r]]


@check
def chord_simple():
    r = chord([suite.add.s(i, i) for i in range(5)])(suite.xsum.s())
    gid = r.parent.id
    value = get(r)
    left = sorted(k.decode()[len("celery-taskset-meta-" + gid):] for k in store().keys("celery-taskset-meta-" + gid + "*"))
    until(lambda: store().get("celery-taskset-meta-" + gid + ".c") == b"done")
    body = meta(r.id)
    assert body.pop("parent_id") in [c.id for c in r.parent]  # the part that came last
    return [gid, r.id, value, [meta(c.id) for c in r.parent], body, store().get("celery-taskset-meta-" + gid + ".c").decode()]


@check
def chord_order():
    return [get(chord([suite.identity.s(i) for i in range(12)])(suite.identity.s()))]


@check
def chord_single():
    return [get(chord([suite.add.s(1, 1)])(suite.xsum.s()))]


@check
def chord_empty():
    return [get(chord([])(suite.xsum.s()))]


@check
def chord_failure():
    store().delete("errback")
    body = suite.xsum.s()
    body.link_error(suite.errback.s())
    r = chord([suite.add.s(1, 1), suite.fail.s("boom")])(body)
    value = get(r)
    until(lambda: store().llen("errback") == 1)
    bad = r.parent[1].id
    until(lambda: meta(r.id))
    m = meta(r.id)
    m["result"]["exc_message"] = [m["result"]["exc_message"][0].replace(bad, "BAD")]
    return [value.replace(bad, "BAD") if isinstance(value, str) else value, m["status"], m["result"], m["children"], lrange("errback") == [r.id]]


@check
def chord_failure_with_a_chord_in_its_group_body():
    store().delete("echo")
    inner = chord([suite.add.si(2, 2)], suite.xsum.s())
    r = chord([suite.add.si(1, 1), suite.fail.si("boom")], group(inner, suite.xsum.s())).apply_async(link_error=suite.echo.si("chord"))
    until(lambda: store().llen("echo") == 2)
    until(lambda: all(meta(c.id) for c in r))
    return [sorted(lrange("echo")), [[meta(c.id)["status"], meta(c.id)["result"]] for c in r]]


@check
def chord_nested():
    inner = chord([suite.add.s(1, 1), suite.add.s(2, 2)], suite.xsum.s())
    return [get(chord([inner, suite.add.s(10, 10)])(suite.xsum.s()))]


@check
def chord_with_groups():
    return [get(chord([group(suite.add.s(1, 1), suite.add.s(2, 2)), suite.add.s(3, 3)])(suite.identity.s()))]


@check
def chord_in_chain():
    sig = suite.add.s(1, 2) | group(suite.add.s(1), suite.add.s(2)) | suite.xsum.s() | suite.add.s(100)
    return [get(sig.delay())]


@check
def chord_in_chain_ids():
    r = (suite.identity.si(1) | group(suite.ids.si(1), suite.ids.si(2)) | suite.ids.s() | suite.identity.s()).delay()
    return [get(r)]


@check
def chord_chain_body():
    return [get(chord([suite.add.s(i, i) for i in range(3)])(suite.xsum.s() | suite.add.s(1) | suite.add.s(2)))]


@check
def chain_chord_chord():
    sig = chain(group(suite.add.s(1, 1), suite.add.s(2, 2)), group(suite.xsum.s(), suite.xsum.s()), suite.xsum.s())
    return [get(sig.delay())]


@check
def chain_ends_in_group():
    r = (suite.add.s(1, 1) | group(suite.add.s(1), suite.add.s(2))).delay()
    return [get(r)]


@check
def chord_header_chains():
    r = chord([suite.add.s(1, 1) | suite.add.s(1), suite.add.s(2, 2) | suite.add.s(2)])(suite.identity.s())
    return [get(r)]


@check
def chord_chain_failure_in_header():
    r = chord([suite.fail.s("early") | suite.add.s(1) | suite.add.s(2), suite.add.s(2, 2)])(suite.identity.s())
    v = get(r)
    return [v.split("'")[0], "ValueError" in v]


@check
def chord_group_body_failure():
    r = chord([suite.fail.s("x")])(group(suite.identity.s(), suite.identity.s()))
    value = get(r)
    until(lambda: all(meta(c.id) for c in r))
    return [value, [meta(c.id)["status"] for c in r]]


@check
def replace():
    return simple(suite.replace_add.s(1, 2)) + [get(suite.replace_group.delay(3)), get(suite.replace_chain.delay(1))]


@check
def replace_in_chain():
    return [get((suite.add.s(1, 1) | suite.replace_add.s(3) | suite.add.s(4)).delay()), get((suite.identity.s(4) | suite.replace_group.s() | suite.xsum.s()).delay())]


@check
def replace_in_chord():
    return [get(chord([suite.replace_add.s(1, 2), suite.add.s(1, 1)])(suite.identity.s()))]


@check
def replace_with_link():
    store().delete("echo")
    r = suite.replace_chain.apply_async((1,), link=suite.echo.s())
    value = get(r)
    until(lambda: store().llen("echo") == 1)
    return [value, lrange("echo")]


@check
def add_to_chord():
    return [sorted(get(chord([suite.add_to_all.s([1, 2, 3], 4)])(suite.identity.s()))), sorted(get(chord([suite.grow_chord.s(1), suite.grow_chord.s(2)])(suite.identity.s())))]


@check
def map_and_friends():
    return [get(suite.xsum.map([[1, 2], [3]]).delay()), get(suite.add.starmap([(1, 2), (3, 4)]).delay()), get(suite.add.chunks([(i, i) for i in range(5)], 2).delay())]


@check
def children():
    r = suite.children.delay()
    get(r)
    return [r.id, meta(r.id)]


@check
def stamps():
    sig = suite.add.s(1, 2)
    sig.stamp(owner="me")
    r = sig.apply_async()
    get(r)
    return [r.id, meta(r.id)]


@check
def shadow():
    return simple(suite.add.s(1, 2), shadow="other.name")


@check
def priority_and_headers():
    return simple(suite.add.s(1, 2), priority=6, headers={"mine": 1})


@check
def forgotten():
    r = suite.add.delay(1, 1)
    get(r)
    r.forget()
    return [meta(r.id)]


@contextlib.contextmanager
def first_protocol():
    """The client sends by protocol 1."""

    def use(version):
        app.conf.task_protocol = version
        app.amqp.__dict__.pop("create_task_message", None)
        app.amqp.__dict__.pop("_create_task_sender", None)

    use(1)
    try:
        yield
    finally:
        use(2)


@check
def protocol_1():
    with first_protocol():
        r = suite.add.apply_async((5, 6), link=suite.add.s(1))
        value = get(r)
        follower = app.AsyncResult(meta(r.id)["children"][0][0][0])
        return [r.id, value, meta(r.id)["status"], get(follower)]


@check
def protocol_1_life():
    """Keyword arguments, a date to start at, one that has passed, a retry, an errback, an unknown task, what is stored of them."""
    out = []
    with first_protocol():
        soon = suite.add.apply_async((1,), {"y": 2}, countdown=0.3)
        late = suite.add.apply_async((1, 1), expires=datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=5))
        retried = suite.retry_once.apply_async()
        store().delete("errback")
        failed = suite.fail.apply_async(("by protocol 1",), link_error=suite.errback.s())
        unknown = app.send_task("suite.unknown_by_protocol_1", (1,), {"a": None})
        for r in (soon, late, retried, failed, unknown):
            value = get(r)
            stored = meta(r.id)
            out.append([r.id, value, {k: stored.get(k) for k in ("status", "result", "args", "kwargs", "name", "retries", "children", "traceback", "queue", "parent_id")}])
        until(lambda: store().llen("errback") == 1)
        out.append(lrange("errback"))
    return out


@check
def protocol_1_canvas():
    """A chord's header and body, a group, the fields of a request."""
    with first_protocol():
        request = suite.request.apply_async(app_id="1234", priority=3, time_limit=60, soft_time_limit=45)
        r = chord([suite.add.s(1, 1), suite.add.s(2, 2)])(suite.xsum.s())
        g = group(suite.add.s(i, i) for i in range(3)).apply_async()
        failing = chord([suite.add.s(1, 1), suite.fail.s()])(suite.xsum.s())
        return [get(r), get(g), get(failing), get(request)]


@check
def revoked():
    r = suite.add.apply_async((1, 1), countdown=3)
    until(lambda: store().hlen("unacked") == 1)
    time.sleep(0.1)
    r.revoke()
    return [r.id, get(r), meta(r.id)]


def control():
    """Replies of remote control commands, each from the one worker."""

    def ask(method, **arguments):
        replies = app.control.broadcast(method, arguments=arguments, reply=True, timeout=60, limit=1)
        return replies[0]["w@h"] if replies else "NO REPLY"

    out = {}
    for name, method, args in [
        ("ping", "ping", {}), ("active_queues", "active_queues", {}), ("registered", "registered", {}), ("active", "active", {"safe": None}),
        ("registered_with", "registered", {"taskinfoitems": ["max_retries"]}),
        ("revoked_nothing", "query_task", {"ids": ["x"]}), ("revoke", "revoke", {"task_id": "abc"}), ("terminate", "terminate", {"signal": "KILL", "task_id": "abc"}),
        ("stamped", "revoke_by_stamped_headers", {"headers": {"a": "b"}}),
        ("rate_unknown", "rate_limit", {"task_name": "nope", "rate_limit": "1/s"}), ("rate_bad", "rate_limit", {"task_name": "suite.add", "rate_limit": "x"}),
        ("rate", "rate_limit", {"task_name": "suite.add", "rate_limit": "100/s"}), ("rate_off", "rate_limit", {"task_name": "suite.add", "rate_limit": 0}),
        ("limit", "time_limit", {"task_name": "suite.add", "soft": 1, "hard": 2}), ("limit_unknown", "time_limit", {"task_name": "nope"}),
        ("add_consumer", "add_consumer", {"queue": "other"}), ("cancel_consumer", "cancel_consumer", {"queue": "other"}),
        ("enable", "enable_events", {}), ("disable", "disable_events", {}), ("heartbeat", "heartbeat", {}), ("unknown", "nothing", {}),
        ("pool_restart", "pool_restart", {}), ("autoscale", "autoscale", {"max": 3}), ("hello_self", "hello", {"from_node": "w@h"}),
    ]:
        out[name] = ask(method, **args)
    out["stats"] = sorted(k for k in ask("stats") if k != "events")
    out["broker"] = sorted(ask("stats")["broker"])
    out["clock"] = sorted(ask("clock"))
    r = suite.add.apply_async((1, 2), countdown=60)
    until(lambda: ask("scheduled"))
    s = ask("scheduled")[0]
    for k in ("args", "kwargs"):
        s["request"].pop(k)
    out["scheduled"] = s
    out["query"] = ask("query_task", ids=[r.id])[r.id][0]
    return Names()(out)


class Capture(threading.Thread):
    """Collects events until told to stop."""

    def __init__(self):
        super().__init__(daemon=True)
        self.events, self.ready, self.stop = [], threading.Event(), threading.Event()

    def run(self):
        with app.connection_for_read() as conn:
            recv = app.events.Receiver(conn, handlers={"*": self.events.append})
            with recv.consumer_context() as (used, _, _):  # a connection of its own
                self.ready.set()
                while not self.stop.is_set():
                    try:
                        used.drain_events(timeout=0.2)
                    except OSError:  # nothing came in that time
                        pass


def quiet(capture):
    """Waits until no more events of tasks come: none for a second."""
    def count():
        return sum(e["type"].startswith("task-") for e in capture.events)
    n, since = count(), time.time()
    while time.time() - since < 1:
        time.sleep(0.05)
        if count() != n:
            n, since = count(), time.time()


def main():
    names = sys.argv[1:] or list(CHECKS)
    with_events = ("success", "failure", "retries", "expired", "unknown_task", "rejected", "chain_of_three", "revoked", "shadow", "countdown")
    ends = ("task-succeeded", "task-failed", "task-revoked")
    capture = Capture()
    capture.start()
    capture.ready.wait(60)
    until(lambda: any(e["type"] == "worker-heartbeat" for e in capture.events))
    out, began = {}, []
    for name in names:
        began.append((time.time(), name))
        try:
            raw = CHECKS[name]()
        except Exception as exc:
            raw = "RAISED %r" % exc
        if name in with_events:
            until(lambda: any(e["type"] in ends and e["timestamp"] >= began[-1][0] for e in capture.events))
        time.sleep(0.1)  # what the check's tasks still send belongs to it
        out[name] = Names()(raw)
    began.append((time.time(), None))
    replies = control()
    quiet(capture)
    capture.stop.set()
    events = {}
    tasks = {}  # a task belongs to the check during which its first event was made, however late it arrives
    for e in capture.events:
        if e["type"].startswith("task-"):
            tasks.setdefault(e["uuid"], []).append({k: v for k, v in e.items() if k != "local_received"})
    for (first, name), (last, _) in zip(began, began[1:]):
        if name not in with_events:
            continue
        mine = [es for es in tasks.values() if first <= min(e["timestamp"] for e in es) < last]
        for e in (e for es in mine for e in es):
            if e.get("exception") == "ExceptionWithTraceback()" or name == "rejected":
                e.pop("exception", None)  # an accident of Celery's
            elif str(e.get("exception")).startswith("Retry(Retry("):
                e["exception"] = "None"  # a worker of threads shows the Retry; one that forks (more.py), what made the task retry
        mine.sort(key=lambda es: min(e["timestamp"] for e in es))
        n = Names()
        # A retry can be received before the event of the first run is out.
        events[name] = n([sorted(es, key=lambda e: (e["type"], e.get("retries", 0))) for es in mine])
    workers = {}
    for e in capture.events:
        if e["type"].startswith("worker-") and e["type"] not in workers and "loadavg" in e:
            e = dict(e)
            for k in ("sw_ident", "sw_ver", "active", "processed", "local_received"):
                e.pop(k, None)
            workers[e["type"]] = Names()(e)
    print(json.dumps({"checks": out, "events": events, "workers": workers, "control": replies}, sort_keys=True))


if __name__ == "__main__":
    main()
