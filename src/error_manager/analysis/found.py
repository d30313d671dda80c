"""Counts what belongs together while it is read, for the offline analysis (seed box: Pattern Analyzer)."""

from __future__ import annotations

from dataclasses import dataclass

from error_manager.core.types import Severity

_SAMPLE_CHARS = 2_000


@dataclass(slots=True, kw_only=True)
class FoundPattern:
    """One pattern: how often, first and last time as written in the input, worst severity, one sample."""

    id: str
    text: str
    where: str = ""
    why: tuple[str, ...] = ()
    count: int = 0
    first: str = ""
    last: str = ""
    severity: Severity | None = None
    sample: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedError:
    """What the analysis needs of one decoded error; ``why`` are the parts of its fingerprint."""

    id: str
    group: str
    title: str
    where: str
    why: tuple[str, ...]
    time: str
    severity: Severity
    sample: str


class FoundPatterns:
    """All patterns of an input, by key, in the order of their first appearance."""

    def __init__(self) -> None:
        """Start with none."""
        self._patterns: dict[str, FoundPattern] = {}
        self.total = 0

    def add(
        self,
        key: str,
        *,
        text: str,
        sample: str,
        time: str = "",
        severity: Severity | None = None,
        where: str = "",
        why: tuple[str, ...] = (),
    ) -> FoundPattern:
        """Count one error under its key and return its pattern; ``text`` replaces the one known so far."""
        pattern = self._patterns.get(key)
        if pattern is None:
            pattern = FoundPattern(id=key, text=text, where=where, why=why, sample=sample[:_SAMPLE_CHARS])
            self._patterns[key] = pattern
        pattern.text = text
        pattern.count += 1
        pattern.first = pattern.first or time
        pattern.last = time or pattern.last
        if severity is not None and (pattern.severity is None or severity.rank > pattern.severity.rank):
            pattern.severity = severity
        self.total += 1
        return pattern

    def ranked(self) -> list[FoundPattern]:
        """Return the patterns, most frequent first; equal counts in order of appearance."""
        return sorted(self._patterns.values(), key=lambda pattern: -pattern.count)
