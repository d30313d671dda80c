"""Ends the process at a named step when a test asks for it (seed box: none).

A random kill almost never hits the moment between a commit and its answer. A test writes the name of a step
into ``run/failpoint`` of the data folder; the first process that reaches the step removes the file and kills
itself, without any of the cleaning up that a real crash would not do either.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from error_manager.runtime.settings import Settings

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def failpoint_of(settings: Settings) -> Callable[[str], None]:
    """Return what adapters call at each named step; it acts only if failpoints are on, on loopback."""
    if not settings.debug.failpoints or settings.server.host not in _LOOPBACK:
        return _ignore
    armed = settings.data_dir / "run" / "failpoint"

    def hit(step: str) -> None:
        try:
            if armed.read_text(encoding="utf-8").strip() != step:
                return
            armed.unlink()
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    return hit


def _ignore(_step: str) -> None:
    return
