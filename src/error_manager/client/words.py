"""What the client has to say to whoever runs the program: on stderr, and never a failure of its own."""

from __future__ import annotations

import sys
from contextlib import suppress


def say(text: str) -> None:
    """Write one line; where stderr is closed, replaced or missing nothing is said."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"error_manager: {text}\n")
