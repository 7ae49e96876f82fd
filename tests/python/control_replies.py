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
    # Signals.
    ("terminate", {"signal": "NOPE", "task_id": "x"}),
    ("terminate", {"signal": "term", "task_id": "x"}),
    ("terminate", {"signal": "SIGKILL", "task_id": ["x", "y"]}),
    ("terminate", {"signal": "CHLD", "task_id": "x"}),
    ("terminate", {"signal": None, "task_id": "x"}),
    ("terminate", {"signal": 9, "task_id": "x"}),
    ("terminate", {"signal": 9.5, "task_id": "x"}),
    ("terminate", {"signal": "9", "task_id": "x"}),
    ("revoke", {"task_id": "z", "signal": "NOPE"}),
    ("revoke", {"task_id": "z", "signal": "NOPE", "terminate": True}),
    ("revoke_by_stamped_headers", {"headers": ["k=v"], "signal": "NOPE"}),
    # Values of another kind.
    ("revoke", {"task_id": 5}),
    ("revoke", {"task_id": None}),
    ("revoke", {"task_id": {"a": 1}}),
    ("revoke_by_stamped_headers", {"headers": "k=v"}),
    ("revoke_by_stamped_headers", {"headers": None}),
    ("revoke_by_stamped_headers", {"headers": [5]}),
    ("revoke_by_stamped_headers", {"headers": ["k"]}),
    ("revoke_by_stamped_headers", {"headers": {"k": None}}),
    ("query_task", {"ids": None}),
    ("query_task", {"ids": 5}),
    ("query_task", {"ids": [["a"]]}),
    ("registered", {"taskinfoitems": 5}),
    ("pool_grow", {"n": "x"}),
    ("pool_grow", {"n": 1.5}),
    ("pool_grow", {"n": None}),
    ("pool_grow", {"n": True}),
    ("pool_shrink", {"n": "x"}),
    ("pool_shrink", {"n": None}),
    ("time_limit", {"task_name": ["tasks.process"]}),
    ("time_limit", {"task_name": 5}),
    ("rate_limit", {"task_name": ["tasks.process"], "rate_limit": "1/s"}),
    ("rate_limit", {"task_name": "tasks.process", "rate_limit": "5/x"}),
    ("rate_limit", {"task_name": "tasks.process", "rate_limit": 1.5}),
    ("rate_limit", {"task_name": "tasks.process", "rate_limit": True}),
    ("rate_limit", {"task_name": "tasks.process", "rate_limit": [1]}),
    ("rate_limit", {"task_name": "tasks.process", "rate_limit": {}}),
    ("cancel_consumer", {"queue": 5}),
    # With more than they take.
    ("report", {"more": 1}),
    ("enable_events", {"more": 1}),
    ("disable_events", {"more": 1}),
    ("heartbeat", {"more": 1}),
    ("active_queues", {"more": 1}),
    ("autoscale", {"more": 1}),
    ("objgraph", {"more": 1}),
    ("revoke", {"task_id": "z", "terminate": True, "more": 1}),
    ("add_consumer", {"queue": "extra", "more": 1}),
    ("cancel_consumer", {"queue": "extra", "more": 1}),
    # The last one: it leaves Celery's worker without processes.
    ("pool_shrink", {"n": 99}),
]
print(json.dumps([{"Command": c, "Python": ask(python, *c), "Go": ask(go, *c)} for c in commands], default=str))
