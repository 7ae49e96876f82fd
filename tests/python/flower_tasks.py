"""Tasks for looking at a worker through Flower: flower_test.go registers the same ones in Go.

Run as a Celery module: celery -A flower_tasks worker. Settings come from the environment: BROKER, BACKEND.
"""
import os
import time

from celery import Celery
from celery.exceptions import Reject

app = Celery("tasks", broker=os.environ["BROKER"], backend=os.environ["BACKEND"])
app.conf.worker_pool_restarts = True


@app.task(name="tasks.add", acks_late=True)
def add(x, y=1):
    return x + y


@app.task(name="tasks.fail", acks_late=True)
def fail(message):
    raise ValueError(message)


@app.task(name="tasks.hold", acks_late=True)
def hold(path):
    """Runs until the file PATH is there."""
    while not os.path.exists(path):
        time.sleep(0.01)


@app.task(name="tasks.again", bind=True, acks_late=True)
def again(self):
    """Succeeds when it runs for the second time."""
    if not self.request.retries:
        raise self.retry(exc=KeyError("not yet"), countdown=1)
    return self.request.retries


@app.task(name="tasks.later", bind=True, acks_late=True)
def later(self):
    """Wants to run again in ten minutes."""
    raise self.retry(exc=KeyError("not yet"), countdown=600)


@app.task(name="tasks.parent", acks_late=True)
def parent(child):
    """Sends a task with the id CHILD."""
    app.send_task("tasks.add", [1], task_id=child)


@app.task(name="tasks.refuse", acks_late=True)
def refuse():
    raise Reject("not mine", requeue=False)


@app.task(name="tasks.limited", acks_late=True, rate_limit="1/h")
def limited(x):
    return x
