"""Turns what was counted in a time range into a report (seed box: Report Generator)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from error_manager.core.types import OutcomeKind, PatternId, PatternStatus
from error_manager.storage.base import HistoryPoint, Ledger, PatternRow

_TOP: Final = 20
_RISKIEST: Final = 10
_RISING_RATIO: Final = 2.0  # told only when the count at least doubled ...
_RISING_COUNT: Final = 20  # ... and is large enough for a ratio to mean something


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternLine:
    """One pattern in a report; ``previous`` is its count in the range before, of equal length.

    ``risk`` is 0 to 100 as it is now, None before it was analysed.
    """

    pattern: PatternRow
    count: int
    previous: int
    share: float
    risk: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightLine:
    """A finding worth a sentence, and when it began."""

    text: str
    at: datetime
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What happened from ``since`` (inclusive) to ``until`` (exclusive)."""

    title: str
    since: datetime
    until: datetime
    generated_at: datetime
    projects: tuple[str, ...]
    total: int
    previous_total: int
    patterns: int
    history: tuple[HistoryPoint, ...]
    top: tuple[PatternLine, ...]
    new: tuple[PatternLine, ...]
    regressed: tuple[PatternLine, ...]
    rising: tuple[PatternLine, ...]
    all_lines: tuple[PatternLine, ...]
    outcomes: Mapping[OutcomeKind, int]
    insights: tuple[InsightLine, ...] = ()
    riskiest: tuple[PatternLine, ...] = ()

    @property
    def change_share(self) -> float | None:
        """Return the change against the range before (0.25 = a quarter more); None if that had no errors."""
        if not self.previous_total:
            return None
        return self.total / self.previous_total - 1


def generate(
    *,
    since: datetime,
    until: datetime,
    generated_at: datetime,
    projects: Sequence[str],
    patterns: Sequence[PatternRow],
    previous_counts: Mapping[PatternId, int],
    history: Sequence[HistoryPoint],
    ledger: Ledger,
    insights: Sequence[InsightLine] = (),
    risks: Mapping[PatternId, float] | None = None,
) -> Report:
    """Return the report of a range.

    Args:
        since: start of the range, inclusive.
        until: end of the range, exclusive.
        generated_at: now.
        projects: names of the projects it covers.
        patterns: every pattern with errors in the range; ``count`` is that of the range.
        previous_counts: errors by pattern in the range of equal length before.
        history: errors per bucket of the range, oldest first.
        ledger: the books of the range.
        insights: what the analysis found in the range, the most important first.
        risks: of the patterns that were analysed, 0 to 100.
    """
    total = sum(pattern.count for pattern in patterns)
    lines = sorted(
        (_line(pattern, previous_counts, total, risks or {}) for pattern in patterns),
        key=lambda line: (-line.count, line.pattern.id),
    )
    return Report(
        title=f"Errors from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC",
        since=since,
        until=until,
        generated_at=generated_at,
        projects=tuple(projects),
        total=total,
        previous_total=sum(previous_counts.values()),
        patterns=len(lines),
        history=tuple(history),
        top=tuple(lines[:_TOP]),
        new=tuple(line for line in lines if line.pattern.first_seen >= since)[:_TOP],
        regressed=tuple(line for line in lines if _is_regressed(line.pattern))[:_TOP],
        rising=tuple(line for line in lines if _is_rising(line, since))[:_TOP],
        all_lines=tuple(lines),
        outcomes=ledger.outcomes,
        insights=tuple(insights),
        riskiest=tuple(sorted(filter(_is_risky, lines), key=lambda line: -(line.risk or 0.0))[:_RISKIEST]),
    )


def _line(
    pattern: PatternRow, previous: Mapping[PatternId, int], total: int, risks: Mapping[PatternId, float]
) -> PatternLine:
    return PatternLine(
        pattern=pattern,
        count=pattern.count,
        previous=previous.get(pattern.id, 0),
        share=pattern.count / total if total else 0.0,
        risk=risks.get(pattern.id),
    )


def _is_risky(line: PatternLine) -> bool:
    return line.risk is not None and line.pattern.status is PatternStatus.UNRESOLVED


def _is_regressed(pattern: PatternRow) -> bool:
    return pattern.is_regression and pattern.status is PatternStatus.UNRESOLVED


def _is_rising(line: PatternLine, since: datetime) -> bool:
    """Return whether a known pattern at least doubled; new ones are listed apart."""
    is_known = line.pattern.first_seen < since
    return is_known and line.count >= _RISING_COUNT and line.count >= _RISING_RATIO * max(1, line.previous)
