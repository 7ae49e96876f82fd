"""Included by a worker of suite.py: a task that logs."""
from celery.utils.log import get_task_logger

from suite import app

logger = get_task_logger(__name__)


@app.task(name="suite.say")
def say(text):
    logger.debug("not shown")
    logger.info("said %s", text)
    logger.warning("twice\n%s", text)
    logger.error("of ten, 100 % of it")
