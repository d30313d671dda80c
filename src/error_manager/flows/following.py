"""The path of growing log files: new text -> scan -> patterns, without end (seed box: Pattern Analyzer)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

from error_manager.analysis.found import FoundPattern
from error_manager.decoding.log_block import cut_at_record
from error_manager.flows.analyzing import LogAnalysis
from error_manager.flows.log_scan import LogScanner

_MAX_HELD_BYTES: Final = 4 * 1024 * 1024
_IDLE_READS: Final = 4
"""Reads without anything new after which the newest record is taken to be whole."""


class Growing(Protocol):
    """A file that grows (``storage.log_follow.FollowedFile``)."""

    def read(self) -> bytes:
        """Return what was written since the last read, b"" when nothing was."""


class LogFollower:
    """Finds the patterns of files that grow; the newest record is held back until nothing more comes."""

    def __init__(self, *, now: datetime, samples: int) -> None:
        """Start with nothing read."""
        self.analysis = LogAnalysis(samples=samples, keeps_rows=False)
        self._scanner = LogScanner(now=now, samples=samples, keeps_numbers=False, keeps_times=False)
        self._held: dict[int, bytes] = {}
        self._idle: dict[int, int] = {}
        self.is_behind = False

    def read(self, files: Sequence[Growing]) -> list[FoundPattern]:
        """Take what was written to each file and return the patterns that are new."""
        fresh: list[FoundPattern] = []
        self.is_behind = False
        for number, file in enumerate(files):
            data = file.read()
            self.is_behind = self.is_behind or bool(data)
            self._idle[number] = 0 if data else self._idle.get(number, 0) + 1
            held = self._held.get(number, b"") + data
            cut = self._cut(number, held) if held else 0
            fresh += self._take(held[:cut])
            self._held[number] = held[cut:]
        return fresh

    def _cut(self, number: int, held: bytes) -> int:
        if len(held) > _MAX_HELD_BYTES:
            return held.rfind(b"\n") + 1 or len(held)
        return held.rfind(b"\n") + 1 if self._idle[number] >= _IDLE_READS else cut_at_record(held)

    def finish(self) -> None:
        """Take what was held back, also a last line without its end."""
        for held in self._held.values():
            self._take(held)
        self._held = {}

    def _take(self, block: bytes) -> list[FoundPattern]:
        return self.analysis.add(0, self._scanner.scan(block)) if block else []
