"""Counts what belongs together while it is read, for the offline analysis (seed box: Pattern Analyzer)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from error_manager.analysis.timeline import TimeRange, fold, is_bursty
from error_manager.core.types import Severity

MAX_PATTERNS: Final = 20_000
"""Patterns kept apart; what comes beyond is counted as ``OTHER``."""
OTHER: Final = "other"
SAMPLE_CHARS: Final = 2_000
SERIES: Final = 60
"""Slices of the time range by which a pattern is judged and drawn."""
JUDGED_LINES: Final = 1_000
"""Fewer lines say nothing about what is new or rare."""
NEW_SHARE: Final = 0.9
"""A pattern is new when it first came after this share of the time range."""
RARE_SHARE: Final = 0.001


@dataclass(slots=True, kw_only=True)
class FoundPattern:
    """One pattern: how often and when, worst severity, where, samples; times as written in the input.

    ``minutes`` are the first and last minute since 1970, None without times. ``marks`` and ``series`` are
    set when everything has been read.
    """

    id: str
    text: str
    where: str = ""
    why: tuple[str, ...] = ()
    count: int = 0
    first: str = ""
    last: str = ""
    minutes: tuple[int, int] | None = None
    severity: Severity | None = None
    samples: list[str] = field(default_factory=list)
    buckets: dict[int, int] = field(default_factory=dict)
    series: Sequence[int] = ()
    marks: tuple[str, ...] = ()

    @property
    def sample(self) -> str:
        """Return the first sample."""
        return self.samples[0] if self.samples else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedError:
    """What the analysis needs of one decoded error; ``why`` are the parts of its fingerprint.

    ``time`` is as shown, ``at_s`` in seconds since 1970; "" and None when it has none of its own.
    """

    id: str
    group: str
    title: str
    where: str
    why: tuple[str, ...]
    time: str
    at_s: float | None
    severity: Severity
    sample: str


class FoundPatterns:
    """All patterns of an input, by key, in the order of their first appearance."""

    def __init__(self, *, samples: int = 1) -> None:
        """Start with none; at most ``samples`` are kept of each."""
        self._patterns: dict[str, FoundPattern] = {}
        self._samples = max(1, samples)
        self.range = TimeRange()
        self.total = 0

    @property
    def is_full(self) -> bool:
        """Return whether the next new key is counted as ``OTHER``."""
        return len(self._patterns) >= MAX_PATTERNS

    @property
    def size(self) -> int:
        """Return how many patterns there are."""
        return len(self._patterns)

    def text(self, key: str) -> str:
        """Return the text of a pattern, of ``OTHER`` for one that was not kept apart."""
        pattern = self._patterns.get(key) or self._patterns.get(OTHER)
        return pattern.text if pattern is not None else ""

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the key of each pattern."""
        return tuple(self._patterns)

    @property
    def overflowed(self) -> int:
        """Return how many lines were counted as ``OTHER``."""
        return self._patterns[OTHER].count if OTHER in self._patterns else 0

    def add(
        self,
        key: str,
        *,
        text: str,
        samples: Sequence[str] = (),
        times: tuple[str, str] = ("", ""),
        minutes: Mapping[int, int] | None = None,
        count: int = 1,
        severity: Severity | None = None,
        where: str = "",
        why: tuple[str, ...] = (),
    ) -> FoundPattern:
        """Count errors under their key and return its pattern.

        Args:
            key: of the pattern.
            text: replaces the one known so far.
            samples: of these errors.
            times: first and last as written.
            minutes: errors by minute since 1970.
            count: how many errors.
            severity: the worst of them.
            where: source or place, of a new pattern.
            why: parts of the fingerprint, of a new pattern.
        """
        pattern = self._patterns.get(key)
        if pattern is None:
            if self.is_full and key != OTHER:
                return self.add(OTHER, text=f"(more than {MAX_PATTERNS:,} patterns: the rest)", count=count)
            pattern = FoundPattern(id=key, text=text, where=where, why=why)
            self._patterns[key] = pattern
        pattern.text = text
        pattern.count += count
        self.total += count
        if severity is not None and (pattern.severity is None or severity.rank > pattern.severity.rank):
            pattern.severity = severity
        if len(pattern.samples) < self._samples:
            fresh = [sample[:SAMPLE_CHARS] for sample in samples]
            pattern.samples += [sample for sample in dict.fromkeys(fresh) if sample not in pattern.samples][
                : self._samples - len(pattern.samples)
            ]
        if minutes:
            self._add_times(pattern, minutes, times)
        else:
            pattern.first = pattern.first or times[0]
            pattern.last = times[1] or pattern.last
        return pattern

    def join(self, key: str, home: str, *, text: str) -> None:
        """Move what was counted under ``key`` to ``home`` (the same key: only the text is new)."""
        pattern = self._patterns[key]
        if key != home:
            del self._patterns[key]
            known = self._patterns.get(home)
            if known is None:
                pattern.id = home
                self._patterns[home] = pattern
            else:
                _absorb(known, pattern, samples=self._samples)
                pattern = known
        pattern.text = text

    def _add_times(self, pattern: FoundPattern, minutes: Mapping[int, int], times: tuple[str, str]) -> None:
        first, last = min(minutes), max(minutes)
        before = self.range.width
        grew = self.range.add(first)
        if self.range.add(last) or grew:
            factor = self.range.width // before
            for each in self._patterns.values():
                each.buckets = fold(each.buckets, factor)
        for minute, count in minutes.items():
            bucket = minute // self.range.width
            pattern.buckets[bucket] = pattern.buckets.get(bucket, 0) + count
        known = pattern.minutes
        if known is None or first < known[0]:
            pattern.first = times[0] or pattern.first
        if known is None or last >= known[1]:
            pattern.last = times[1] or pattern.last
        pattern.minutes = (first, last) if known is None else (min(first, known[0]), max(last, known[1]))

    def ranked(self) -> list[FoundPattern]:
        """Return the patterns with their marks, most frequent first; equal ones in order of appearance."""
        patterns = sorted(self._patterns.values(), key=lambda pattern: -pattern.count)
        everything = self.series()
        for pattern in patterns:
            pattern.series = self.range.series(pattern.buckets, SERIES)
            pattern.marks = self._marks(pattern, everything)
        return patterns

    def series(self) -> list[int]:
        """Return the counts of all patterns per slice of the time range."""
        total: dict[int, int] = {}
        for pattern in self._patterns.values():
            for bucket, count in pattern.buckets.items():
                total[bucket] = total.get(bucket, 0) + count
        return self.range.series(total, SERIES)

    def _marks(self, pattern: FoundPattern, everything: Sequence[int]) -> tuple[str, ...]:
        marks: list[str] = []
        is_judged = self.total >= JUDGED_LINES
        if is_judged and pattern.minutes is not None and self.range.share(pattern.minutes[0]) > NEW_SHARE:
            marks.append("new")
        if is_judged and pattern.count < RARE_SHARE * self.total:
            marks.append("rare")
        if is_bursty(pattern.series, everything):
            marks.append("burst")
        return tuple(marks)


def _absorb(pattern: FoundPattern, other: FoundPattern, *, samples: int) -> None:
    """Add to a pattern what was counted of another one."""
    if other.minutes is None:
        pattern.first, pattern.last = pattern.first or other.first, other.last or pattern.last
    elif pattern.minutes is None:
        pattern.first, pattern.last, pattern.minutes = other.first, other.last, other.minutes
    else:
        if other.minutes[0] < pattern.minutes[0]:
            pattern.first = other.first
        if other.minutes[1] > pattern.minutes[1]:
            pattern.last = other.last
        pattern.minutes = (
            min(pattern.minutes[0], other.minutes[0]),
            max(pattern.minutes[1], other.minutes[1]),
        )
    pattern.count += other.count
    pattern.samples = list(dict.fromkeys((*pattern.samples, *other.samples)))[:samples]
    for bucket, count in other.buckets.items():
        pattern.buckets[bucket] = pattern.buckets.get(bucket, 0) + count
    severities = [each for each in (pattern.severity, other.severity) if each is not None]
    pattern.severity = max(severities, key=lambda severity: severity.rank, default=None)
