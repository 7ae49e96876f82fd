"""Sends suite.add with a stamp for each tenant and prints what became of it."""
from celery.exceptions import TaskRevokedError

from suite import add

for tenant in "abc":
    sig = add.s(1, 2)
    sig.stamp(tenant=tenant)
    result = sig.apply_async()
    try:
        print(tenant, result.get(timeout=20))
    except TaskRevokedError:
        print(tenant, result.state)
