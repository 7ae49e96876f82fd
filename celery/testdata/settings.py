"""Checks against a worker with settings of its own (SUITE_CONF) and time limits from its command line; printed as more.py prints its own."""
import time

import more
import suite
from drive import get, meta, store, until
from celery import chord
from kombu import Exchange
from suite import app

more.CHECKS.clear()


@more.check
def inherited_priority():
    """A task sent by a task, and a callback, have the parent's priority, unless they have one of their own."""
    out = []
    for priority, own in ((5, None), (5, 1), (0, None)):
        get(suite.send_child.apply_async((own,), priority=priority, link=suite.add.s(1).set(queue="linked")))
        until(lambda: store().keys("linked*"))
        keys = sorted(k.decode() for k in store().keys("parked*") + store().keys("linked*"))
        out.append([priority, own, keys])
        store().delete(*keys)
    return out


@more.check
def worker_direct():
    bound = sorted(m.decode() for m in store().smembers("_kombu.binding.C.dq2"))
    queues = app.control.inspect(timeout=60, limit=1).active_queues()["w@h"]
    with app.connection_for_write() as c:
        Exchange("C.dq2", type="direct")(c.channel()).declare()
        r = suite.add.apply_async((1, 2), exchange="C.dq2", routing_key="w@h", connection=c)
    return [bound, [[q["name"], q["routing_key"], q["exchange"]["name"]] for q in queues], get(r)]


@more.check
def expiry():
    """Successes, failures and the counters of chords live for different times."""
    def ttl(key):
        n = store().ttl(key)
        return (n + 90) // 100
    good, bad = suite.add.delay(1, 2), suite.fail.delay("no")
    get(good), get(bad)
    # The first part is to be counted after the client has stored the chord's size.
    r = chord([suite.add.s(1, 1).set(countdown=2), suite.sleep.s(300).set(time_limit=400, soft_time_limit=300)])(suite.xsum.s())
    until(lambda: store().keys("celery-taskset-meta-*.j"))
    keys = {k.decode()[-2:]: ttl(k) for k in store().keys("celery-taskset-meta-*")}
    return [ttl("celery-task-meta-" + good.id), ttl("celery-task-meta-" + bad.id), keys]


@more.check
def errors_of_ignored():
    r = suite.ignored_failure.delay()
    until(lambda: meta(r.id))
    m = meta(r.id)
    ok = suite.ignored.delay()
    get(suite.none.delay())
    return [r.id, m["status"], m["result"], meta(ok.id)]


@more.check
def soft_limit_of_worker():
    return [get(suite.wait_for_limit.delay())]


@more.check
def hard_limit_of_worker():
    """A task that takes no notice of the soft limit."""
    return [get(suite.stubborn.delay()), more.ask("stats")["pool"]["timeouts"]]


@more.check
def limit_of_task():
    """The message's limit counts for more."""
    start = time.time()
    return [get(suite.sleep.apply_async((5,), soft_time_limit=100, time_limit=200)), time.time() - start > 4.9]


@more.check
def patterns():
    for i, (pattern, matcher) in enumerate((("w@*", "glob"), ("*@h", "glob"), ("W@h", "glob"), ("x*", "glob"), ("w.h", "pcre"), ("@h", "pcre"), ("[a-w]@h$", "pcre"))):
        app.control.broadcast("add_consumer", arguments={"queue": "pattern%d" % i}, pattern=pattern, matcher=matcher)
    names = lambda: sorted(q["name"] for q in more.ask("active_queues"))
    until(lambda: len(names()) >= 6)
    return names()


@more.check
def reset_rate_limits():
    """A change of any limit renews the buckets of all tasks for what comes afterwards; what waits keeps its turn."""
    def ran(label):
        suite.hourly.delay(label)
        until(lambda: label.encode() in store().lrange("hourly", 0, -1))
    ran("first")
    suite.hourly.delay("waiting")
    get(suite.add.delay(1, 1))
    replies = [more.ask("rate_limit", task_name="suite.add", rate_limit="1000/s")]
    ran("after another task's limit was changed")
    suite.hourly.delay("waiting too")
    get(suite.add.delay(1, 1))
    replies.append(more.ask("rate_limit", task_name="suite.hourly", rate_limit=0))
    ran("without a limit")
    ran("without a limit again")
    return [replies, [label.decode() for label in store().lrange("hourly", 0, -1)]]


@more.check
def annotations():
    """Attributes of tasks by task_annotations, whose "*" comes last."""
    items = ["rate_limit", "default_retry_delay", "max_retries", "acks_late", "priority"]
    tasks = app.control.inspect(timeout=60, limit=1).registered(*items)["w@h"]
    return [t for t in tasks if t.split()[0] in ("suite.hourly", "suite.add", "suite.fail")]


@more.check
def waiting_for_a_rate():
    """A task that waits for its rate limit is in no list, and unknown to query_task and terminate, which still revokes it."""
    store().delete("hourly")
    suite.daily.delay("first")
    until(lambda: store().lrange("hourly", 0, -1) == [b"first"])
    waiting = suite.daily.delay("waiting")
    get(suite.add.delay(1, 1))
    asked = [more.ask(method) for method in ("reserved", "scheduled", "active")]
    asked.append(more.ask("query_task", ids=[waiting.id]))
    asked.append(more.ask("terminate", task_id=waiting.id, signal="TERM"))
    return asked


@more.check
def pool_restart():
    return [more.ask("pool_restart"), get(suite.add.delay(2, 3))]


@more.check
def eta_limit():
    """With worker_eta_task_limit of 14 no more messages are taken, whatever waits."""
    for i in range(20):
        suite.add.apply_async((i, i), countdown=3600)
    until(lambda: store().hlen("unacked") >= 14)
    time.sleep(1)
    return [store().hlen("unacked"), store().llen("celery")]


if __name__ == "__main__":
    more.main(marked=False)
