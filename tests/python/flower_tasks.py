"""Tasks for looking at a worker through Flower: flower_test.go registers the same ones in Go.

Run as a Celery module: celery -A flower_tasks worker. Settings come from the environment: BROKER.
"""
import os
import time

from celery import Celery

app = Celery("tasks", broker=os.environ["BROKER"])


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
