"""A progress bar on standard error: share done, lines a second, time left."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Final, Self

_EACH_S: Final = 0.2
_WIDTH: Final = 30
_MEGABYTE: Final = 1e6


class Progress:
    """Shows how far the reading is, when standard error is a terminal."""

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._started = self._shown = time.monotonic()
        self._is_on = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def show(self, done_bytes: int, lines: int) -> None:
        """Draw the bar again, five times a second at most."""
        now = time.monotonic()
        if self._is_on and now - self._shown > _EACH_S:
            self._shown = now
            print(
                f"\r\x1b[K  {bar(done_bytes, self._total, lines, now - self._started)}",
                end="",
                file=sys.stderr,
            )
            sys.stderr.flush()


def bar(done_bytes: int, total_bytes: int, lines: int, spent_s: float) -> str:
    """Return the bar as text; without a known total only what was read."""
    rate = f"{done_bytes / _MEGABYTE:,.0f} MB  {lines / max(spent_s, 1e-9):,.0f} lines/s"
    if total_bytes <= 0:
        return f"{lines:,} lines  {rate}"
    share = min(1.0, done_bytes / total_bytes)
    filled = int(share * _WIDTH)
    left_s = spent_s * (1 - share) / share if share > 0 else 0.0
    left = f"{left_s // 60:.0f}:{left_s % 60:02.0f} left"
    return f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {share:4.0%}  {rate}  {left}"
