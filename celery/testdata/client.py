"""What a client sees of results, and the messages of its calls, as JSON."""
import base64
import datetime
import json
import sys
import time

from celery import chain, chord, group
from celery.result import GroupResult, ResultSet

import yaml

import suite
from drive import UUID
from suite import add, app, fail, identity, progress, replace_add, store, xsum


def wait(f):
    end = time.time() + 60
    while not f():
        if time.time() > end:
            raise SystemExit("waited in vain")
        time.sleep(0.01)


def outcome(f):
    try:
        return f()
    except Exception as exc:
        return [type(exc).__module__ + "." + type(exc).__name__, [UUID.sub("ID", str(a)) for a in exc.args]]


def value(v):
    return [type(v).__module__ + "." + type(v).__name__, [UUID.sub("ID", str(a)) for a in v.args]] if isinstance(v, BaseException) else v


def look(r):
    """All that can be asked of a task that is over."""
    wait(r.ready)
    return {
        "get": outcome(lambda: r.get(timeout=60)), "state": r.state, "ready": r.ready(), "successful": r.successful(), "failed": r.failed(),
        "result": value(r.result), "traceback": bool(r.traceback), "children": len(r.children or []), "exists": r.exists(),
    }


def look_at_group(r):
    wait(r.ready)
    return {
        "join": outcome(lambda: r.join(timeout=60)), "completed": r.completed_count(), "ready": r.ready(), "successful": r.successful(),
        "failed": r.failed(), "waiting": r.waiting(), "each": sorted(str(outcome(lambda: m.get(timeout=60))) for m in r.results),
    }


def results():
    out = {"success": look(add.delay(1, 2)), "fail": look(fail.delay("no")), "nothing": look(suite.none.delay()), "replaced": look(replace_add.delay(3, 4))}
    r = chain(add.s(1, 2), add.s(3), add.s(4))()
    out["chain"] = [look(r), look(r.parent), look(r.parent.parent), r.parent.parent.parent]
    out["collected"] = [v for _, v in r.parent.parent.collect()]
    r.forget()
    out["forgotten"] = [[x.state, x.exists(), x.result] for x in (r, r.parent, r.parent.parent)]
    r = chain(add.s(1, 2), fail.s(), identity.s())()
    out["broken chain"] = [look(r), look(r.parent)]
    out["broken collection"] = outcome(lambda: [v for _, v in r.parent.parent.collect()])
    tree, left, right = add.s(1, 2), add.s(10), add.s(20)
    left.link(add.s(100))
    right.link(add.s(200))
    tree.link(left)
    tree.link(right)
    out["collected tree"] = [v for _, v in tree.apply_async().collect()]
    out["chord"] = look(chord([add.s(1, 1), add.s(2, 2)], xsum.s())())
    out["broken chord"] = look(chord([add.s(1, 1), fail.s()], xsum.s())())
    r = group(add.s(i, i) for i in range(3))()
    out["group"] = look_at_group(r)
    r.save()
    again = GroupResult.restore(r.id, app=app)
    out["restored"] = [look_at_group(again), again.id == r.id, [m.id for m in again.results] == [m.id for m in r.results]]
    r.delete()
    out["deleted"] = GroupResult.restore(r.id, app=app)
    out["broken group"] = look_at_group(group(add.s(1, 1), fail.s("x"), add.s(2, 2))())
    s = ResultSet([add.delay(1, 1), add.delay(2, 2), fail.delay("set")])
    out["set"] = look_at_group(s)
    s.forget()
    out["forgotten set"] = [m.state for m in s.results]
    r = app.AsyncResult("no-such")
    out["unknown"] = [r.state, r.result, r.ready(), r.exists(), r.traceback]
    r = add.apply_async((1, 2), countdown=3600)
    r.revoke()
    out["revoked"] = look(r)
    states = []
    r = progress.delay()
    got = outcome(lambda: r.get(timeout=60, on_message=lambda m: m["task_id"] == r.id and states.append(m["status"])))
    # Celery's client tells of none where the result is there before it subscribes.
    out["followed"] = [got, sorted(set(states) - {"STARTED", "PROGRESS", "SUCCESS"})]
    out["chunks"] = outcome(lambda: add.chunks(zip(range(5), range(5)), 2)().get(timeout=60))
    out["map"] = outcome(lambda: identity.map([1, [2], None]).delay().get(timeout=60))
    out["starmap"] = outcome(lambda: add.starmap([(1, 2), (3, 4)]).delay().get(timeout=60))
    return out


NOON = datetime.datetime(2030, 1, 2, 12, 30, tzinfo=datetime.timezone.utc)


def stamped(sig):
    sig.stamp(tenant="a")
    return sig


def calls():
    """One call for each option, to queues that nobody consumes."""
    q = {"queue": "calls", "task_id": "id"}
    sent = {
        "plain": lambda: add.apply_async([1, 2], **q),
        "keywords": lambda: add.apply_async([1], {"y": 2}, **q),
        "eta": lambda: add.apply_async([1, 2], eta=NOON, expires=NOON + datetime.timedelta(hours=1), **q),
        "priority": lambda: add.apply_async([1, 2], priority=7, **q),
        "yaml": lambda: add.apply_async([1, 2], serializer="yaml", **q),
        "msgpack, zlib": lambda: add.apply_async([1, 2], serializer="msgpack", compression="zlib", **q),
        "limits": lambda: add.apply_async([1, 2], time_limit=10, soft_time_limit=5.5, **q),
        "shown": lambda: add.apply_async([1, 2], shadow="shadow", argsrepr="(...)", kwargsrepr="{...}", **q),
        "ignored": lambda: add.apply_async([1, 2], ignore_result=True, **q),
        "links": lambda: add.apply_async([1, 2], link=[add.s(3), identity.si(1)], link_error=suite.errback.s(), **q),
        "family": lambda: add.apply_async([1, 2], group_id="group", group_index=3, root_id="root", parent_id="parent", **q),
        "rest": lambda: add.apply_async([1, 2], reply_to="me", headers={"own": [1, None]}, retries=2, replaced_task_nesting=1, **q),
        "delivery": lambda: add.apply_async([1, 2], delivery_mode=1, **q),
        "stamps": lambda: add.apply_async([1, 2], stamped_headers=["tenant"], tenant="a", **q),
        "stamped link": lambda: stamped(add.s(1, 2).set(link=[add.s(3)], link_error=[suite.errback.s()])).apply_async(**q),
        "stamped chain": lambda: stamped(
            chain(add.s(1, 2).set(tenant="old", own=3, stamped_headers=["tenant", "own"]), chord([add.s(1), add.s(2)], xsum.s()), add.s(5))
        ).apply_async(**q),
        "chain": lambda: add.apply_async([1, 2], chain=[add.s(4).set(task_id="second"), add.s(3).set(task_id="first")], **q),
        "chord": lambda: add.apply_async([1, 2], chord=xsum.s().set(task_id="body"), group_id="group", **q),
        "property": lambda: add.apply_async([1, 2], message_id="mine", **q),
        "exchange": lambda: add.apply_async([1, 2], exchange="calls", exchange_type="direct", routing_key="calls", task_id="id"),
        "by name": lambda: app.send_task("far.away", ["x"], {"k": {"a": 1.5}}, **q),
        "signature": lambda: add.signature((1,), {"z": 5}, priority=3).apply_async([0], {"z": 6}, **q),
        "immutable": lambda: add.si(1, 2).set(shadow="fixed").apply_async([0], **q),
    }
    out = {}
    with app.connection_for_write() as c:  # the queue's binding
        app.amqp.queues["calls"](c.default_channel).declare()
    for name, call in sent.items():
        call()
        (key,) = store().keys("calls*")
        out[name] = message(key, store().rpop(key))
    return out


def messages():
    """Those that another client has sent, by the names of the lists that they are kept in."""
    return {name: message(key.encode("latin-1"), store().rpop("kept:" + name)) for name, key in json.loads(sys.argv[2]).items()}


def in_order(d):
    """The names of stamps, which are a set in Python, and a chord's header as a list, though frozen it is a group in Python."""
    if d.get("stamped_headers"):
        d["stamped_headers"].sort()
    if isinstance(d.get("header"), dict):
        d["header"] = d["header"]["kwargs"]["tasks"]
    return d


def message(key, element):
    raw = json.loads(UUID.sub("ID", element.decode()))
    p, h = raw["properties"], in_order(raw["headers"])
    for d, names in ((h, ["origin"]), (p, ["delivery_tag"])):
        for n in names:
            assert d.pop(n)
    if p["reply_to"] != "me":
        p.pop("reply_to")
    p.pop("expiration", None)  # from now on, in milliseconds
    p.pop("argsrepr", None), p.pop("kwargsrepr", None)  # left over in Python's, beside the headers
    body = base64.b64decode(raw["body"])
    if raw["content-type"] == "application/json":
        body = json.loads(UUID.sub("ID", body.decode()), object_hook=in_order)
    elif "compression" not in h:
        body = yaml.safe_load(body)
    else:
        body = ""
    return {"key": key.decode("latin-1"), "headers": h, "properties": p, "body": body, "type": [raw["content-type"], raw["content-encoding"]]}


if __name__ == "__main__":
    json.dump({"results": results, "calls": calls, "messages": messages}[sys.argv[1]](), sys.stdout)
