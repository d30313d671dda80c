"""Keeps the newest times of each pattern in bounded memory (seed box: Temporal Analyzer).

Standard library alone: it is filled while a log is read, also where numpy is not installed.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Final

MOST_PER_PATTERN: Final = 4_000
"""Newest times kept of a pattern; up to twice as many between two clearings."""
MOST_TIMES: Final = 2_000_000
"""Times of all patterns together (16 MB); above it, half as many are kept of each."""
FEWEST_PER_PATTERN: Final = 50


class EventTimes:
    """When the errors of each pattern came: the newest of each, complete from ``since`` on."""

    def __init__(self, *, most: int = MOST_PER_PATTERN, most_of_all: int = MOST_TIMES) -> None:
        """Start with none.

        Args:
            most: newest times to keep of a pattern, >= 1.
            most_of_all: times of all patterns above which fewer are kept of each.
        """
        self._most = most
        self._most_of_all = most_of_all
        self._times: dict[str, array[float]] = {}
        self._since: dict[str, float] = {}
        self._total = 0

    def add(self, key: str, times: Iterable[float]) -> None:
        """Take times of a pattern, seconds since 1970, in any order."""
        kept = self._times.setdefault(key, array("d"))
        before = len(kept)
        kept.extend(times)
        self._total += len(kept) - before
        if len(kept) > 2 * self._most:
            self._thin(key)
        while self._total > self._most_of_all and self._most > FEWEST_PER_PATTERN:
            self._most = max(FEWEST_PER_PATTERN, self._most // 2)
            for each in self._times:
                self._thin(each)

    def join(self, key: str, home: str) -> None:
        """Move the times of ``key`` to ``home``."""
        times = self._times.pop(key, None)
        if times is None or key == home:
            if times is not None:
                self._times[home] = times
            return
        self._total -= len(times)
        since = self._since.pop(key, None)
        if since is not None:
            self._since[home] = max(since, self._since.get(home, since))
        self.add(home, times)

    def of(self, key: str) -> array[float]:
        """Return the newest times of a pattern, sorted; those of before ``since`` are not all there."""
        self._thin(key)
        return array("d", sorted(self._times.get(key, ())))

    def since(self, key: str) -> float | None:
        """Return from when on the times of a pattern are complete, None: from the start."""
        return self._since.get(key)

    def _thin(self, key: str) -> None:
        times = self._times.get(key)
        if times is None or len(times) <= self._most:
            return
        kept = sorted(times)[-self._most :]
        self._total -= len(times) - len(kept)
        self._times[key] = array("d", kept)
        self._since[key] = max(kept[0], self._since.get(key, kept[0]))
