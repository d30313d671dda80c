"""A Celery task run by a real worker through the in-memory broker."""

from __future__ import annotations

import celery
import reporting
import sentry_sdk
from celery.contrib.testing.worker import start_worker
from sentry_sdk.integrations.celery import CeleryIntegration

reporting.start(integrations=[CeleryIntegration()])
app = celery.Celery("shop", broker="memory://", backend="cache+memory://")


@app.task(name="shop.send_mail")
def send_mail(recipient: str) -> None:
    sentry_sdk.set_tag("queue", "mail")
    raise ConnectionRefusedError(f"mail server refused {recipient}")  # crash


with start_worker(app, pool="solo", perform_ping_check=False, loglevel="CRITICAL"):
    result = send_mail.delay("warehouse")
    result.get(timeout=30, propagate=False)
    print("status", result.state)
sentry_sdk.flush()
