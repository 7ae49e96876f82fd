"""Runs tasks of suite.py in this process (apply, task_always_eager) and prints what came of it."""
import json

import suite
from celery import chain, chord, group
from suite import app, store


def of(f):
    """State and value of a result, or the exception that the call raised."""
    try:
        r = f()
    except Exception as exc:
        return "raised %s%r" % (type(exc).__name__, exc.args)
    if hasattr(r, "results"):
        return [of(lambda m=m: m) for m in r.results]
    value = r.result
    if isinstance(value, Exception):
        value = "%s%r" % (type(value).__name__, value.args if r.state == "FAILURE" else ())
    return [r.state, value]


def calls():
    store().delete("echo", "errback")
    add, identity = suite.add, suite.identity
    return {
        "apply": of(lambda: add.apply((1, 2))),
        "failure": of(lambda: suite.fail.apply(("bad", 1))),
        "wrong arguments": of(lambda: add.apply((1, 2, 3, 4)))[0],
        "retried": of(lambda: suite.retry_once.apply()),
        "retries exhausted": of(lambda: suite.retry_exhausted.apply((True,))),
        "autoretry": of(lambda: suite.autoretry.apply()),
        "ignored": of(lambda: suite.ignore.apply())[0],
        "rejected": of(lambda: suite.reject.apply((False,)))[0],
        "chain": of(lambda: (add.s(1, 2) | add.s(3) | add.s(4)).apply()),
        "chain failure": of(lambda: (add.s(1, 2) | suite.fail.s() | add.s(4)).apply()),
        "group": of(lambda: group(add.s(1, 1), add.s(2, 2)).apply()),
        "chord": of(lambda: chord([add.s(1, 1), add.s(2, 2)], suite.xsum.s()).apply()),
        "chord in a chain": of(lambda: chain(add.s(1, 1), group(add.s(1), add.s(2)), suite.xsum.s(), add.s(10)).apply()),
        "chord failure": of(lambda: chord([add.s(1, 1), suite.fail.s("part")], suite.xsum.s()).apply()),
        "map": of(lambda: suite.xsum.map([[1, 2], [3]]).apply()),
        "starmap": of(lambda: add.starmap([(1, 2), (3, 4)]).apply()),
        "replaced": of(lambda: suite.replace_add.apply((1, 2))),
        "replaced by a chain": of(lambda: suite.replace_chain.apply((1,))),
        "replaced by a group": of(lambda: suite.replace_group.apply((3,))),
        "type after the journey": of(lambda: identity.apply(((1, [2, {"a": None}]),))),
    }


def eager():
    store().delete("echo", "errback")
    app.conf.task_always_eager = True
    out = {
        "delay": of(lambda: suite.add.delay(1, 2)),
        "link": [of(lambda: suite.add.apply_async((1, 2), link=suite.echo.s())), [e.decode() for e in store().lrange("echo", 0, -1)]],
        "chain": of(lambda: (suite.add.s(1, 2) | suite.add.s(3)).delay()),
        "group": of(lambda: group(suite.add.s(1, 1), suite.add.s(2, 2)).delay()),
        "chord": of(lambda: chord([suite.add.s(1, 1), suite.add.s(2, 2)])(suite.xsum.s())),
        "type after the journey": of(lambda: suite.identity.delay((1, [2, {"a": None}]))),
        "subtasks": of(lambda: suite.children.delay()),
    }
    app.conf.task_eager_propagates = True
    out["propagates"] = of(lambda: suite.fail.delay("bad", 1))
    r = suite.add.delay(1, 1)
    r.revoke()
    out["revoked"] = of(lambda: r)[0]
    return out


print(json.dumps({"apply": calls(), "eager": eager()}))
