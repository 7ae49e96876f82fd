"""Tasks with every kind of parameter, which arguments_test.go registers in Go too. As a program: calls them with arguments that fit and that
don't and prints, as JSON, what each call gave.
"""
import json
import sys
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

from suite import app


@app.task(name="args.none")
def none():
    return "called"


@app.task(name="args.one")
def one(path):
    return [path]


@app.task(name="args.defaults")
def defaults(path, level=6, mode="fast", parts=[1, 2], more=None, force=False):
    return [path, level, mode, parts, more, force]


@app.task(name="args.three")
def three(a, b, c):
    return [a, b, c]


@app.task(name="args.keywords")
def keywords(path, *, level=6, force):
    return [path, level, force]


@app.task(name="args.two_keywords")
def two_keywords(*, left, right):
    return [left, right]


@app.task(name="args.rest")
def rest(first, *more):
    return [first, list(more)]


@app.task(name="args.rest_and_keywords")
def rest_and_keywords(first, *more, level=6, **options):
    return [first, list(more), level, options]


@app.task(name="args.options")
def options(first, second=2, **options):
    return [first, second, options]


@app.task(name="args.record")
def record(region):
    return [region["name"], region["box"], region.get("parent")]


@app.task(name="args.lists")
def lists(names, grid, table):
    return [names, grid, table]


@app.task(name="args.values")
def values(when, day, clock, price, key, raw, size):
    return [when, day, clock, price, key, raw, size]


@app.task(name="args.echo")
def echo(value):
    return value


CALLS = [
    ("none", (), {}), ("none", (1,), {}), ("none", (1, 2), {}), ("none", (), {"a": 1}),
    ("one", ("f",), {}), ("one", (), {"path": "f"}), ("one", (), {}), ("one", ("f", "g"), {}), ("one", ("f",), {"path": "g"}), ("one", ("f",), {"other": 1}), ("one", (), {"other": 1}),
    ("defaults", ("f",), {}), ("defaults", ("f", 7), {}), ("defaults", ("f", 7, "slow", [], "x", True), {}), ("defaults", ("f",), {"force": True, "parts": [3]}), ("defaults", (), {"level": 1}),
    ("defaults", (), {}), ("defaults", tuple("abcdefg"), {}), ("defaults", ("f", 1), {"level": 2}), ("defaults", (), {"path": "f", "more": "m"}),
    ("three", (1, 2, 3), {}), ("three", (1,), {}), ("three", (), {}), ("three", (1,), {"c": 3}), ("three", (1,), {"c": 3, "b": 2}), ("three", (1, 2, 3, 4), {}), ("three", (1, 2, 3), {"c": 4}),
    ("keywords", ("f",), {"force": True}), ("keywords", ("f",), {}), ("keywords", ("f", 7), {"force": True}), ("keywords", ("f", 7, 8), {"force": True, "level": 1}), ("keywords", (), {"force": True}),
    ("two_keywords", (), {"left": 1, "right": 2}), ("two_keywords", (), {}), ("two_keywords", (), {"right": 2}), ("two_keywords", (1,), {"left": 1, "right": 2}),
    ("rest", (1,), {}), ("rest", (1, 2, 3), {}), ("rest", (), {}), ("rest", (), {"first": 1}), ("rest", (1, 2), {"more": 3}), ("rest", (1, 2), {"first": 3}),
    ("rest_and_keywords", (1, 2, 3), {"level": 4, "x": 5}), ("rest_and_keywords", (1,), {}), ("rest_and_keywords", (), {"x": 1}), ("rest_and_keywords", (), {"first": 1, "more": 2}),
    ("options", (1,), {}), ("options", (1,), {"second": 3, "x": [1, {"y": None}]}), ("options", (1, 2, 3), {}), ("options", (1,), {"first": 2}), ("options", (), {"x": 1}),
    ("record", ({"name": "arctic", "box": [60.5, 90.5, -180.25, 180.0]},), {}), ("record", (), {"region": {"name": "a", "box": [0.5, 1.0, 2.5, 3.0], "parent": {"name": "b", "box": [0, 0, 0, 0], "parent": None}}}),
    ("lists", (["a", "b"], [[1, 2], [3, 4]], {"x": 1.5}), {}), ("lists", ([], [], {}), {}),
    ("values", (datetime(2024, 2, 29, 12, 30, 15, 123456, timezone.utc), date(1940, 1, 1), time(23, 59, 59, 5), Decimal("1.10"), UUID(int=7), b"\x00\xff", 2**70), {}),
    ("values", (datetime(2024, 2, 29, 12, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))), date(2100, 12, 31), time(1, 2), Decimal("-1E+3"), UUID(int=1), b"text", -(2**70)), {}),
    ("echo", (datetime(2024, 2, 29, 12, 30, 15),), {}), ("echo", ({"of": [date(2024, 1, 1), Decimal("0.1")], "when": datetime(2024, 2, 29, tzinfo=timezone.utc)},), {}), ("echo", (None,), {}),
    ("echo", (2**63,), {}), ("echo", (1e300,), {}), ("echo", (-0.0,), {}), ("echo", ("\U0001f600\u2028",), {}), ("echo", (b"",), {}),
]


def outcome(name, args, kwargs):
    try:
        return repr(app.send_task("args." + name, args, kwargs).get(timeout=60))
    except Exception as exc:
        return repr(exc)


if __name__ == "__main__":
    if len(sys.argv) > 1:  # one call per line of JSON
        calls = [json.loads(c) for c in sys.argv[1:]]
        # A value with a type travels as a string that eval makes.
        calls = [(name, eval(args), {}) for name, args in calls]
    else:
        calls = CALLS
    print(json.dumps([["%s(*%r, **%r)" % c, outcome(*c)] for c in calls]))
