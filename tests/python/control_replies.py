"""control_replies.py BROKER PYTHON GO: sends two workers the same commands and prints what each of them replies."""
import json
import sys

from celery import Celery

broker, python, go = sys.argv[1:]
app = Celery("tasks", broker=broker)


def ask(node, command, arguments):
    """The reply of a node. Each command has one, so that the wait for it may be long."""
    return app.control.broadcast(command, arguments=arguments, destination=[node], reply=True, timeout=120)[0][node]


commands = [
    # Without what they need.
    ("add_consumer", {}),
    ("cancel_consumer", {}),
    ("rate_limit", {}),
    ("rate_limit", {"task_name": "tasks.process"}),
    ("time_limit", {}),
    ("terminate", {}),
    ("terminate", {"signal": "TERM"}),
    ("revoke", {}),
    ("revoke_by_stamped_headers", {}),
    ("election", {}),
    ("election", {"id": "one"}),
    ("query_task", {}),
    ("hello", {}),
    ("nonsense", {}),
    # With values that mean nothing, little, or something else.
    ("revoke", {"task_id": []}),
    ("revoke", {"task_id": "one"}),
    ("revoke_by_stamped_headers", {"headers": []}),
    ("revoke_by_stamped_headers", {"headers": ["key=value"]}),
    ("autoscale", {}),
    ("autoscale", {"max": "many"}),
    ("pool_grow", {"n": 0}),
    ("pool_restart", {}),
    ("query_task", {"ids": "one"}),
    ("ping", {"more": 1}),
    ("time_limit", {"task_name": "tasks.process"}),
    ("time_limit", {"task_name": "tasks.process", "soft": "long"}),
    ("rate_limit", {"task_name": "tasks.process", "rate_limit": "often"}),
    ("rate_limit", {"task_name": "tasks.process", "rate_limit": None}),
    ("rate_limit", {"task_name": "tasks.none", "rate_limit": "1/s"}),
    ("add_consumer", {"queue": "extra"}),
    ("add_consumer", {"queue": "extra"}),
    ("cancel_consumer", {"queue": "extra"}),
    ("cancel_consumer", {"queue": "unknown"}),
    ("enable_events", {}),
    ("enable_events", {}),
    ("disable_events", {}),
    ("disable_events", {}),
    ("active", {}),
    ("reserved", {}),
    ("scheduled", {}),
    ("revoked", {}),
    ("active_queues", {}),
    ("heartbeat", {}),
]
print(json.dumps([{"Command": c, "Python": ask(python, *c), "Go": ask(go, *c)} for c in commands], default=str))
