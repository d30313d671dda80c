"""A Celery task run by a real worker through the in-memory broker."""

from __future__ import annotations

import threading
import time

import celery
import reporting
import sentry_sdk
from sentry_sdk.integrations.celery import CeleryIntegration

reporting.start(integrations=[CeleryIntegration()])
app = celery.Celery("shop", broker="memory://", backend="cache+memory://")


@app.task(name="shop.send_mail")
def send_mail(recipient: str) -> None:
    sentry_sdk.set_tag("queue", "mail")
    raise ConnectionRefusedError(f"mail server refused {recipient}")  # crash


worker = app.WorkController(pool="solo", hostname="shop@here")
threading.Thread(target=worker.start, daemon=True).start()
result = send_mail.delay("warehouse")
while not result.ready():
    time.sleep(0.02)
print("status", result.state)
sentry_sdk.flush()
