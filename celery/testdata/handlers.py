"""Tasks with handlers, which handlers_test.go registers in Go too. As a program: runs them and prints, as JSON, which handlers were called with
what, in order, and what each task's result was.
"""
import json
import os
import time

import redis
from celery.exceptions import Ignore, Reject

from suite import app

store = redis.Redis.from_url(os.environ["SUITE_BROKER"])


class Recorded(app.Task):
    def note(self, *what):
        store.rpush("handlers", json.dumps(what))

    def before_start(self, task_id, args, kwargs):
        self.note("before_start", args, kwargs)

    def on_success(self, retval, task_id, args, kwargs):
        self.note("on_success", retval)

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        self.note("on_failure", repr(exc))

    def on_retry(self, exc, task_id, args, kwargs, einfo):
        self.note("on_retry", repr(exc))

    def after_return(self, status, retval, task_id, args, kwargs, einfo):
        self.note("after_return", status, retval if status == "SUCCESS" else repr(retval) if status == "FAILURE" else None)


class Raising(Recorded):
    def on_success(self, *args):
        super().on_success(*args)
        raise ValueError("in on_success")

    def after_return(self, *args):
        super().after_return(*args)
        raise ValueError("in after_return")


class Refusing(Recorded):
    def before_start(self, task_id, args, kwargs):
        super().before_start(task_id, args, kwargs)
        raise ValueError("in before_start")


@app.task(base=Recorded, name="handlers.add")
def add(x, y=0):
    return x + y


@app.task(base=Recorded, name="handlers.fail")
def fail():
    raise KeyError("no")


@app.task(base=Recorded, bind=True, name="handlers.retry", max_retries=1)
def retry(self, again):
    raise self.retry(exc=ValueError("again"), countdown=0.05) if again or not self.request.retries else ValueError("enough")


@app.task(base=Recorded, name="handlers.ignore", acks_late=True)
def ignore():
    raise Ignore()


@app.task(base=Recorded, name="handlers.reject", acks_late=True)
def reject():
    raise Reject("no", requeue=False)


@app.task(base=Raising, name="handlers.raising")
def raising():
    return "fine"


@app.task(base=Refusing, name="handlers.refusing")
def refusing():
    return "not called"


def notes():
    return [json.loads(n) for n in store.lrange("handlers", 0, -1)]


def until(cond):
    while not cond():
        time.sleep(0.01)


def outcome(result):
    try:
        return repr(result.get(timeout=60))
    except Exception as exc:
        return repr(exc)


if __name__ == "__main__":
    seen = {}
    for name, call in {
        "success": lambda: add.delay(1, y=2), "failure": fail.delay, "retries used up": lambda: retry.delay(True), "failure of a retry": lambda: retry.delay(False),
        "handlers that raise": raising.delay, "before_start that raises": refusing.delay, "wrong arguments": lambda: app.send_task("handlers.add", (1, 2, 3)),
        "expired while it waited": lambda: add.apply_async((1,), countdown=0.6, expires=0.3), "rejected": reject.delay,
    }.items():
        r = call()
        value, state = outcome(r), r.state
        until(lambda: not store.hlen("unacked"))
        add.delay(0).get(timeout=60)  # when it has ended, the handlers of the one before have
        until(lambda: ["after_return", "SUCCESS", 0] in notes())
        told = notes()
        store.delete("handlers")
        seen[name] = [value, state, told[:-3]]
    ignore.delay()
    until(lambda: notes() and not store.hlen("unacked") and not store.llen("celery"))
    seen["ignored"] = notes()
    print(json.dumps(seen))
