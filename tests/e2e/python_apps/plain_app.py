"""A script that does what is rare: an uncaught deep recursion, text no database takes, and a bare message."""

from __future__ import annotations

import reporting
import sentry_sdk

reporting.start()
sentry_sdk.capture_message("stock \x00 low \ud83d", level="warning", tags={"shelf": "B\x004"})


def descend(depth: int) -> int:
    """Fail far down."""
    return descend(depth + 1)  # crash


descend(0)
