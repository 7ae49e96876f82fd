"""Included by a worker of suite.py whose results are to be compressed."""
from suite import app

app.conf.result_compression = "gzip"
