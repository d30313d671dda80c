"""A Celery task run by a real worker through the in-memory broker."""

from __future__ import annotations

import threading
from typing import Any

import celery
import reporting
import sentry_sdk
from celery import signals
from sentry_sdk.integrations.celery import CeleryIntegration

reporting.start(integrations=[CeleryIntegration()])
app = celery.Celery("shop", broker="memory://")
ended = threading.Event()


@app.task(name="shop.send_mail")
def send_mail(recipient: str) -> None:
    """Fail as a mail server does."""
    sentry_sdk.set_tag("queue", "mail")
    raise ConnectionRefusedError(f"mail server refused {recipient}")  # crash


@signals.task_postrun.connect
def tell_end(state: str = "", **_more: Any) -> None:
    """Let the script go on."""
    print("status", state)
    ended.set()


worker = app.WorkController(pool="solo", hostname="shop@here")
threading.Thread(target=worker.start, daemon=True).start()
send_mail.delay("warehouse")
ended.wait(timeout=30)
sentry_sdk.flush()
