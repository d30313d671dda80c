"""A script that does what is rare: an uncaught deep recursion, text no database takes, and a bare message."""

from __future__ import annotations

import sentry_sdk

import reporting

reporting.start()
sentry_sdk.capture_message("stock \x00 low \ud83d", level="warning", tags={"shelf": "B\x004"})


def descend(depth: int) -> int:
    return descend(depth + 1)  # crash


descend(0)
