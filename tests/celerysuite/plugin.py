"""Points Celery's integration suite at the Go worker: a pytest plugin, loaded before the suite's conftest.

Every pytest process starts a redis-server and a worker of its own, so that the suite can run in parallel. SUITE_WORKER is
the worker's binary, SUITE_LOGS the folder for its log.
"""
import atexit
import os
import socket
import subprocess
import time

import celery.contrib.pytest
import pytest
import redis
from celery.contrib.testing.tasks import ping
from celery.utils.nodenames import anon_nodename


def start_redis():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""], stdout=subprocess.DEVNULL)
    atexit.register(lambda: (server.terminate(), server.wait()))
    client = redis.Redis(port=port)
    while True:
        try:
            client.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.02)
    url = "redis://127.0.0.1:%d/0" % port
    os.environ.update(TEST_BROKER=url, TEST_BACKEND=url, REDIS_HOST="127.0.0.1", REDIS_PORT=str(port))
    return port


PORT = start_redis()


@pytest.fixture(scope="session")
def celery_session_worker(celery_session_app, celery_includes, celery_class_tasks):
    for module in celery_includes:
        celery_session_app.loader.import_task_module(module)
    for task in celery_class_tasks:
        celery_session_app.register_task(task)
    with open(os.path.join(os.environ["SUITE_LOGS"], "worker-%d.log" % PORT), "wb") as log:
        worker = subprocess.Popen([os.environ["SUITE_WORKER"], "-n", anon_nodename(), "-c", "1"], stdout=log, stderr=log)
        assert ping.delay().get(timeout=30) == "pong"
        yield None
        worker.terminate()
        worker.wait()


# The suite's conftest takes the fixture from here.
celery.contrib.pytest.celery_session_worker = celery_session_worker

IN_PROCESS = {
    "looks at celery.worker.state in its own process": [
        "test_send_task_without_ignore_result_", "test_revoked_by_headers_", "test_retry_preserves_ignore_result_",
        "test_hello_stamps_received_revoked_ids_locally"],
    "catches the log or the signals of a worker in its own process": [
        "test_trace_log_arguments", "test_replaced_task_nesting_level_", "test_replaced_task_nesting_chain",
        "test_signal_bound_method_receivers", "test_task_received_has_access_to_stamps", "test_linking_stamped_sig",
        "test_err_linking_stamped_sig"],
    "expects the worker to have its own process id or its app's settings": ["test_Inspect::test_stats", "test_Inspect::test_conf"],
    "changes the settings of a worker in its own process": ["_flag_allow_error_cb_on_chord_header"],
}


def pytest_collection_modifyitems(items):
    for item in items:
        for reason, names in IN_PROCESS.items():
            if any(name in item.nodeid for name in names):
                item.add_marker(pytest.mark.skip(reason=reason))
