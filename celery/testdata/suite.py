"""Tasks for comparing workers: suite_test.go registers the same ones in Go."""
import json
import os
import time

import redis
from celery import Celery, chain, chord, group
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded

app = Celery("suite", broker=os.environ["SUITE_BROKER"], backend=os.environ.get("SUITE_BACKEND", os.environ["SUITE_BROKER"]))
app.conf.update(result_extended=True, task_track_started=False, broker_connection_retry_on_startup=True, worker_hijack_root_logger=True)

app.conf.update(json.loads(os.environ.get("SUITE_CONF", "{}")))


def store():
    return redis.Redis.from_url(os.environ["SUITE_BROKER"])


@app.task(name="suite.add", acks_late=True)
def add(x, y, z=None):
    return x + y + (z or 0)


@app.task(name="suite.xsum")
def xsum(nums):
    return sum(sum(n) if isinstance(n, list) else n for n in nums)


@app.task(name="suite.identity")
def identity(x):
    return x


@app.task(name="suite.none", acks_late=True)
def none():
    return None


@app.task(bind=True, name="suite.ids")
def ids(self, i):
    return [self.request.root_id, self.request.parent_id, i]


@app.task(name="suite.fail")
def fail(*args):
    raise ValueError(*(args or ("fail",)))


@app.task(name="suite.expected", throws=(KeyError,))
def expected():
    raise KeyError("missing")


@app.task(bind=True, name="suite.retry_once", max_retries=3, default_retry_delay=0)
def retry_once(self):
    if self.request.retries:
        return self.request.retries
    raise self.retry(countdown=0.05)


@app.task(bind=True, name="suite.retry_exhausted", max_retries=1)
def retry_exhausted(self, own):
    raise self.retry(countdown=0.05, exc=ValueError("tried") if own else None)


@app.task(name="suite.autoretry", autoretry_for=(ValueError,), max_retries=1, default_retry_delay=0.05)
def autoretry():
    raise ValueError("again")


@app.task(bind=True, name="suite.replace_add")
def replace_add(self, x, y):
    return self.replace(add.s(x, y))


@app.task(bind=True, name="suite.replace_group")
def replace_group(self, n):
    return self.replace(group(add.s(i, i) for i in range(n)))


@app.task(bind=True, name="suite.replace_chain")
def replace_chain(self, x):
    return self.replace(chain(add.s(x, 1), add.s(10)))


@app.task(bind=True, name="suite.add_to_all")
def add_to_all(self, nums, val):
    subtasks = [add.s(num, val) for num in nums]
    for s in subtasks[1:]:
        self.add_to_chord(s)
    return self.replace(subtasks[0])


@app.task(bind=True, name="suite.grow_chord")
def grow_chord(self, x):
    self.add_to_chord(add.s(x, 100))
    return x


@app.task(name="suite.ignored", ignore_result=True)
def ignored():
    return 1


@app.task(bind=True, name="suite.progress", track_started=True)
def progress(self):
    self.update_state(state="PROGRESS", meta={"done": 1})
    store().rpush("progress", app.backend.get(app.backend.get_key_for_task(self.request.id)))
    return "end"


@app.task(name="suite.echo")
def echo(msg):
    store().rpush("echo", str(msg))
    return msg


@app.task(name="suite.errback")
def errback(task_id):
    store().rpush("errback", task_id)


@app.task(name="suite.errback_here")
def errback_here(request, exc, traceback, label="none"):
    store().rpush("errback", "%s %s %s" % (request.id, exc, label))


@app.task(bind=True, name="suite.retry_args", max_retries=1)
def retry_args(self, x, y, label=None):
    if not self.request.retries:
        raise self.retry(args=(x + 1, y + 1), countdown=0.01)
    return [x, y, label]


@app.task(bind=True, name="suite.retry_kwargs", max_retries=1)
def retry_kwargs(self, x, y):
    if not self.request.retries:
        raise self.retry(kwargs={"x": x + 1}, countdown=0.01)
    return [x, y]


@app.task(bind=True, name="suite.request")
def request(self):
    r = self.request
    p = dict(r.properties)
    p.pop("delivery_tag")
    p.pop("reply_to")
    return [p, r.delivery_info, r.replaced_task_nesting, r.timelimit]


@app.task(name="suite.signatures")
def signatures():
    return [add.s(1), {"nested": chain(add.s(1, 2), group(add.s(3), add.s(4)))}, chord([add.s(1, 2)], xsum.s())]


@app.task(name="suite.sleep")
def sleep(s):
    time.sleep(s)
    return "slept"


@app.task(name="suite.reject", acks_late=True)
def reject(requeue):
    if requeue and store().incr("reject") > 1:
        return "second"
    raise Reject("no", requeue=requeue)


@app.task(name="suite.ignore")
def ignore():
    raise Ignore()


@app.task(name="suite.wait_for_limit")
def wait_for_limit():
    time.sleep(300)


@app.task(name="suite.catch_limit")
def catch_limit():
    try:
        time.sleep(300)
    except SoftTimeLimitExceeded:
        return "caught"


@app.task(name="suite.no_ack_on_failure", acks_late=True, acks_on_failure=False)
def no_ack_on_failure():
    raise ValueError("no")


@app.task(name="suite.no_ack_on_timeout", acks_late=True, acks_on_timeout=False, time_limit=1)
def no_ack_on_timeout():
    if store().incr("timeouts") == 1:
        time.sleep(300)


@app.task(bind=True, name="suite.backoff", autoretry_for=(ValueError,), dont_autoretry_for=(KeyError,), retry_backoff=1, retry_jitter=False, max_retries=3)
def backoff(self):
    if self.request.retries == 0:
        raise ValueError("again")
    raise KeyError("enough")


@app.task(name="suite.limited", rate_limit="2/s")
def limited():
    return 1


@app.task(name="suite.hourly", rate_limit="1/h")
def hourly(label):
    store().rpush("hourly", label)


@app.task(name="suite.daily", rate_limit="1/h")
def daily(label):
    store().rpush("hourly", label)


@app.task(name="suite.late", acks_late=True)
def late():
    store().rpush("running", "late")
    store().blpop("go", 300)
    return "done"


@app.task(name="suite.send_expiring")
def send_expiring():
    add.apply_async((1, [2]), expires=60, queue="parked")
    app.send_task("suite.add", [1, (2, 3)], {"z": 1}, expires=-5, queue="parked", argsrepr="hidden")
    app.send_task("suite.add", [1, "x"], queue="parked")


@app.task(bind=True, name="suite.children")
def children(self):
    add.delay(1, 1)
    group(add.s(1, 2), add.s(1, 3)).delay()
    return "sent"


@app.task(name="suite.send_child")
def send_child(priority):
    # Not add.apply_async: its options hold a priority of None, so that it inherits nothing.
    app.send_task("suite.add", (1, 2), queue="parked", **({} if priority is None else {"priority": priority}))


@app.task(name="suite.call_given")
def call_given(sig):
    app.signature(sig).apply_async()


@app.task(bind=True, name="suite.replace_given")
def replace_given(self, sig):
    return self.replace(app.signature(sig))


@app.task(bind=True, name="suite.join_given")
def join_given(self, sig):
    self.add_to_chord(app.signature(sig))


@app.task(name="suite.ignored_failure", ignore_result=True)
def ignored_failure():
    raise ValueError("kept")


@app.task(name="suite.stubborn")
def stubborn():
    while True:
        try:
            time.sleep(300)
        except SoftTimeLimitExceeded:
            pass
