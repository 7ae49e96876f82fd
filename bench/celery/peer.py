"""Celery's side of bench/celery: the same two tasks as worker/main.go."""

import os
import time

import redis
from celery import Celery

app = Celery("bench", broker=os.environ["BENCH_BROKER"])
app.conf.update(task_acks_late=True, task_ignore_result=True, worker_send_task_events=False)
store = redis.Redis.from_url(os.environ["BENCH_BROKER"])


@app.task(name="bench.noop")
def noop():
    pass


@app.task(name="bench.mark")
def mark(sent):
    now = time.time_ns()
    store.rpush("bench.started", now - sent)
