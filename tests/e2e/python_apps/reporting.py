"""What the applications share: they report to the DSN in the first argument and print the ids they sent."""

from __future__ import annotations

import sys
from typing import Any

import sentry_sdk


def start(**options: Any) -> None:
    """Begin to report through sentry-sdk; only the named integrations are loaded (it saves seconds)."""
    sentry_sdk.init(
        sys.argv[1],
        release="shop@1.4.2",
        environment="staging",
        before_send=_print_id,
        auto_enabling_integrations=False,
        **options,
    )


def _print_id(event: Any, _hint: Any) -> Any:
    print(f"sent {event['event_id']}", flush=True)
    return event
