"""A script that reports through the standard logging module: a message, and an exception with notes."""

from __future__ import annotations

import logging

import reporting
import sentry_sdk

reporting.start()
log = logging.getLogger("shop.batch")


def load(line: str) -> int:
    """Fail with a note."""
    try:
        return int(line)
    except ValueError as error:
        error.add_note("line 17 of orders.csv")
        raise  # again


log.info("batch began")
log.error("%d orders are late in %s", 12, "warehouse 3", extra={"shelf": "B4"})
try:
    load("twelve")
except ValueError:
    log.critical("batch failed", exc_info=True)
sentry_sdk.flush()
