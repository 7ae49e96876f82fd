"""Queues, exchanges and routes for routing_test.go. As a program: sends tasks by every kind of exchange and prints, as JSON, what arrived where.
"""
import json
import os
import sys
import time

import redis
from kombu import Exchange, Queue
from kombu.common import Broadcast

from suite import app, echo

topics = Exchange("topics", type="topic")
app.conf.task_queues = [
    Queue("celery", Exchange("celery"), routing_key="celery"),
    Queue("direct", Exchange("ex"), routing_key="key"),
    Queue("words", topics, routing_key="a.*"),
    Queue("all", topics, routing_key="a.#"),
    Queue("excluded", Exchange("excluded"), routing_key="excluded"),
    Broadcast("everybody"),
]
app.conf.task_routes = {"suite.identity": "direct", "suite.no*": {"exchange": "topics", "routing_key": "a.b"}, "suite.xsu?": "excluded"}

if __name__ == "__main__":
    node = sys.argv[1]
    store = redis.Redis.from_url(os.environ["SUITE_BROKER"])
    seen = {}

    def settle(n, timeout=60):
        """Waits for n echoes and gives them back in order of their names."""
        end = time.time() + timeout
        while store.llen("echo") < n and time.time() < end:
            time.sleep(0.01)
        got = sorted(m.decode() for m in store.lrange("echo", 0, -1))
        store.delete("echo")
        return got

    def publish(text, exchange, key):
        """Kombu knows the type of an exchange only where it has been declared on the same connection."""
        with app.producer_or_acquire() as producer:
            exchange(producer.channel).declare()
            echo.apply_async((text,), exchange=exchange.name, routing_key=key, producer=producer)

    def control(method, **kw):
        return getattr(app.control, method)(reply=True, timeout=30, destination=[node], **kw)[0][node]

    def queues():
        """Names; the broadcast queue has another one in every process."""
        names = app.control.inspect([node], timeout=30).active_queues()[node]
        return sorted(q["name"] if not q["name"].startswith("bcast") else "everybody" for q in names)

    seen["queues"] = queues()
    echo.apply_async(("default",))
    echo.apply_async(("direct queue",), queue="direct")
    echo.apply_async(("direct exchange",), exchange="ex", routing_key="key")
    echo.apply_async(("two topics",), queue="words", routing_key="a.b")
    echo.apply_async(("one topic",), queue="words", routing_key="a.b.c")
    publish("topic exchange", topics, "a.x")
    seen["exchanges"] = settle(8)
    publish("everybody", Exchange("everybody", type="fanout"), "celery")
    seen["broadcast"] = settle(1)
    seen["routes"] = [app.send_task(name, args).get(timeout=30) for name, args in (("suite.identity", [1]), ("suite.none", []), ("suite.xsum", [[1, 2]]))]
    echo.apply_async(("left",), queue="excluded")
    seen["excluded"] = [store.llen("excluded"), store.llen("celery")]

    seen["add"] = control("add_consumer", queue="late", exchange="lates", exchange_type="topic", routing_key="l.*")
    seen["added"] = queues()
    publish("late", Exchange("lates", type="topic"), "l.1")
    echo.apply_async(("late queue",), queue="late", routing_key="l.2")
    seen["late"] = settle(2)
    seen["cancel"] = [control("cancel_consumer", queue=q) for q in ("late", "direct", "nothing")]
    seen["cancelled"] = queues()
    echo.apply_async(("waits",), queue="direct")
    echo.apply_async(("goes on",))
    seen["after"] = settle(1) + [store.llen("direct")]
    control("add_consumer", queue="direct")
    seen["again"] = settle(1)
    seen["bindings"] = {
        k.decode(): sorted(m.decode() for m in store.smembers(k)) for k in store.keys("_kombu.binding.*")
        if k.decode().split(".", 2)[2] in ("celery", "ex", "topics", "excluded", "lates")
    }
    print(json.dumps(seen))
