"""Further checks for a worker of suite.py that forks (limits, pool, settings), printed as drive.py prints its own."""
import base64
import datetime
import decimal
import json
import re
import sys
import time
import uuid

from celery import chain, chord, group

import drive
import suite
from drive import Capture, Names, get, meta, store, until
from suite import app

CHECKS = {}


def check(f):
    CHECKS[f.__name__] = f
    return f


def ask(method, **arguments):
    replies = app.control.broadcast(method, arguments=arguments, reply=True, timeout=60, limit=1)
    return replies[0]["w@h"] if replies else "NO REPLY"


def settled():
    """Whether no message waits or is unacknowledged."""
    return store().llen("celery") + store().hlen("unacked") == 0


@check
def soft_limit():
    return drive.simple(suite.wait_for_limit.s(), soft_time_limit=1)


@check
def soft_limit_caught():
    return drive.simple(suite.catch_limit.s(), soft_time_limit=1)


@check
def hard_limit():
    r = suite.wait_for_limit.apply_async(time_limit=1)
    value = get(r)
    m = meta(r.id)
    return [r.id, value, m["status"], m["result"], m["traceback"] is None, until(settled)]


@check
def failure_not_acknowledged():
    r = suite.no_ack_on_failure.delay()
    return [get(r), until(settled)]


@check
def timeout_not_acknowledged():
    """The message comes back and runs once more."""
    store().delete("timeouts")
    r = suite.no_ack_on_timeout.delay()
    until(lambda: store().get("timeouts") == b"2")
    until(settled)
    return [r.id, store().get("timeouts").decode()]


@check
def autoretry_with_backoff():
    return drive.simple(suite.backoff.s())


@check
def rate_limited():
    start = time.time()
    results = [suite.limited.delay() for _ in range(3)]
    values = [get(r) for r in results]
    return [values, time.time() - start >= 0.8]


@check
def messages_of_a_task():
    """What a task sends: with expires in the future, in the past, and none; arguments as a tuple and as a list."""
    store().delete("parked")
    r = suite.send_expiring.delay()
    get(r)
    out = [r.id]
    for element in reversed(store().lrange("parked", 0, -1)):
        m = json.loads(element)
        for key in ("delivery_tag", "reply_to"):
            m["properties"].pop(key)
        left = m["properties"].pop("expiration", None)
        m["properties"].pop("argsrepr", None)  # an accident of Celery's
        m["headers"].pop("origin")
        m["body"] = json.loads(base64.b64decode(m["body"]))
        out.append([left and (50_000 < int(left) <= 60_000 or left), m])
    store().delete("parked")
    return out


@check
def given_signatures():
    """How the arguments are shown of what a task sends for a signature that it was given: a copy's are a tuple."""
    one, two = (suite.add.s(i, i).set(queue="parked") for i in (1, 2))
    out = []
    for call in [suite.call_given.s(one), suite.call_given.s(chain(one, suite.none.si())), suite.call_given.s(group(one, two)),
                 suite.call_given.s(chord([one, two], suite.xsum.s())), suite.call_given.s(chord([], suite.xsum.s().set(queue="parked"))),
                 suite.replace_given.s(one), suite.replace_given.s(group(one, two)), suite.replace_given.s(chain(one, suite.none.si())),
                 chord([suite.join_given.s(one), suite.add.s(1, 2)], suite.xsum.s()), suite.none.s().set(link=one.set(immutable=True)),
                 suite.none.s().set(link=[one.set(immutable=True), two.set(immutable=True)]), suite.none.s() | one.set(immutable=True),
                 suite.fail.s().set(link_error=suite.identity.si(1).set(queue="parked"))]:
        store().delete("parked")
        call.apply_async()
        until(lambda: store().llen("parked") and settled())
        headers = [json.loads(m)["headers"] for m in store().lrange("parked", 0, -1)]
        out.append(sorted([h["task"], h["argsrepr"], h["kwargsrepr"]] for h in headers))
    store().delete("parked")
    return out


@check
def rejected_parts():
    """What hangs on a task that throws its message away fails with it."""
    out = []
    for call in [chord([suite.reject.s(False), suite.add.s(1, 1)], suite.xsum.s()), chain(suite.reject.si(False), suite.add.si(1, 1))]:
        r = call.apply_async()
        out.append([until(lambda: meta(r.id)), meta(r.id)["status"], re.sub("[0-9a-f-]{36}", "ID", json.dumps(meta(r.id)["result"], sort_keys=True))])
    store().delete("errback")
    suite.reject.apply_async((False,), link_error=suite.errback.s())
    return out + [until(lambda: store().llen("errback") == 1)]


@check
def equal_errbacks():
    """An errback that is there already is not linked again."""
    store().delete("errback")
    sig = suite.fail.s().on_error(suite.errback.s())
    suite.replace_given.s(sig).on_error(suite.errback.s()).apply_async()
    until(lambda: store().llen("errback") and settled())
    return store().llen("errback")


@check
def retried():
    return drive.simple(suite.retry_once.s())


@check
def typed_values():
    utc, east = datetime.timezone.utc, datetime.timezone(datetime.timedelta(hours=2, minutes=30))
    moment = datetime.datetime(2020, 1, 2, 3, 4, 5)
    values = [moment, moment.replace(second=0, tzinfo=utc), moment.replace(microsecond=700, tzinfo=east), moment.date(), moment.time(),
              decimal.Decimal("1.10"), uuid.UUID(int=7), b"\x00", [moment.date()], {"k": decimal.Decimal("1E+20")}]
    return [repr(get(suite.identity.delay(v))) for v in values]


@check
def pool():
    before = ask("stats")["pool"]
    out = [before["timeouts"], before["max-concurrency"], len(before["processes"]) > 0, before["max-tasks-per-child"], before["put-guarded-by-semaphore"]]
    out += [ask("pool_grow", n=2), ask("pool_shrink", n=1), ask("pool_grow"), ask("pool_shrink")]
    return out + [ask("stats")["prefetch_count"]]


@check
def conf():
    c = ask("conf")
    # Flags of celery.py's own loader that Go does not have.
    for key in ("broker_connection_retry_on_startup", "worker_hijack_root_logger", "task_track_started"):
        c.pop(key, None)
    c["include"].sort()  # a set in Python
    known = ("result_expires", "task_acks_late", "task_default_queue", "worker_prefetch_multiplier", "accept_content", "task_serializer",
             "enable_utc", "worker_enable_remote_control", "task_acks_on_failure_or_timeout", "task_acks_on_timeout", "result_chord_join_timeout",
             "worker_cancel_long_running_tasks_on_connection_loss", "task_always_eager", "task_eager_propagates", "task_store_eager_result")
    full = ask("conf", with_defaults=True)
    return [{k: re.sub(r":\d+/", ":PORT/", v) if isinstance(v, str) else v for k, v in c.items()}, {k: full.get(k, "MISSING") for k in known}]


@check
def terminate():
    r = suite.sleep.delay(300)
    until(lambda: any(t["id"] == r.id for t in ask("active")))
    reply = ask("terminate", task_id=r.id, signal="TERM")
    return [r.id, reply, get(r), until(settled)]


@check
def terminate_by_stamps():
    sig = suite.sleep.s(300)
    sig.stamp(owner="me", team="a")
    r = sig.apply_async()
    until(lambda: any(t["id"] == r.id for t in ask("active")))
    reply = ask("revoke_by_stamped_headers", headers={"owner": ["you", "me"]}, terminate=True, signal="TERM")
    return [r.id, reply, get(r), until(settled)]


@check
def revoke_by_stamps():
    out = []
    for owner in ("me", "they"):
        sig = suite.add.s(1, 2)
        sig.stamp(owner=owner)
        out.append(get(sig.apply_async()))
    return out


def main(marked=True):
    """marked: a further task tells when the events of a check are complete; else events are not looked at."""
    names = sys.argv[1:] or list(CHECKS)
    if not marked:
        out = {}
        for name in names:
            try:
                out[name] = Names()(CHECKS[name]())
            except Exception as exc:
                out[name] = "RAISED %r" % exc
        print(json.dumps({"checks": out}, sort_keys=True))
        return
    capture = Capture()
    capture.start()
    capture.ready.wait(60)
    until(lambda: any(e["type"] == "worker-heartbeat" for e in capture.events))
    out, events = {}, {}
    for name in names:
        first = len(capture.events)
        try:
            raw = CHECKS[name]()
        except Exception as exc:
            raw = "RAISED %r" % exc
        n = Names()
        out[name] = n(raw)
        marker = suite.none.delay()  # its events come after all of the check's
        until(lambda: any(e.get("uuid") == marker.id and e["type"] == "task-succeeded" for e in capture.events))
        seen, shown = [], ["result", "exception"] if name in ("retried", "typed_values") else []
        for e in capture.events[first:]:
            if e.get("uuid") == marker.id or e["type"] == "worker-heartbeat":
                continue
            seen.append({k: v for k, v in e.items() if k in ("type", "uuid", "requeue", "terminated", "signum", "expired", "retries", "args", "id", "topic", "action", "cver", *shown)})
        # Celery sends task-failed twice at a hard time limit.
        events[name] = [json.loads(e) for e in sorted({json.dumps(n(e), sort_keys=True) for e in seen})]
    capture.stop.set()
    print(json.dumps({"checks": out, "events": events}, sort_keys=True))


if __name__ == "__main__":
    main()
