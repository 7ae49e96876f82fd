"""A site whose config.py holds Celery's settings as well."""
import ssl
from datetime import timedelta

from celery.schedules import crontab
from kombu import Exchange, Queue

TIME_CHUNK = 24
BROKER_HOST_NAME = "redis.example.org"
CELERY_BROKER = f"rediss://{BROKER_HOST_NAME}:6379/0"
CELERY_RESULT_BACKEND = CELERY_BROKER[:-1] + "1"

broker_use_ssl = {"ssl_cert_reqs": ssl.CERT_REQUIRED}
broker_transport_options = {"visibility_timeout": timedelta(hours=2).total_seconds()}
task_queues = [Queue("regrid", Exchange("era5", type="direct"), routing_key="regrid")]
ERA5_ROOTS = [q for q in ("sfc", "pl")]
beat_schedule = {"index": {"task": "tasks.update", "schedule": crontab}}
