"""Prints what Celery knows of settings: their names, their old names, and what `inspect conf` shows of those in SUITE_CONF."""
import json
import os
import sys

from celery import Celery
from celery.app import defaults
from celery.utils.serialization import jsonify

app = Celery("suite", broker="redis://localhost:1/0", set_as_current=False)
app.conf.update(json.loads(os.environ["SUITE_CONF"]))
json.dump({
    "names": sorted(defaults.SETTING_KEYS),
    "old": defaults._TO_NEW_KEY,
    "conf": jsonify(app.conf.table(with_defaults=False), unknown_type_filter=repr),
}, sys.stdout)
