#!/usr/bin/env python3
"""moto_s3.py PORT: serve moto's S3 on the loopback address.

A second service, beside versitygw, for the tests of storage. Requests are answered one at a time, since moto judges
the conditions of a write without a lock.
"""
import logging
import sys
import threading

from moto.server import create_backend_app
from werkzeug.serving import run_simple


class OneAtATime:
    def __init__(self, app):
        self.app, self.lock = app, threading.Lock()

    def __call__(self, environ, start_response):
        with self.lock:
            return list(self.app(environ, start_response))


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    run_simple("127.0.0.1", int(sys.argv[1]), OneAtATime(create_backend_app("s3")), threaded=True)
