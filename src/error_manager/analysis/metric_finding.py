"""What is found in a table of metrics, as plain values (seed box: Anomaly Detection).

Standard library alone. Times are seconds since 1970, or as many as the table has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from error_manager.analysis.envelope import Slice
from error_manager.analysis.unread import Unread


class News(StrEnum):
    """What is new about a value."""

    ABOVE = "above"
    BELOW = "below"
    COURSE = "course"
    SEQUENCE = "sequence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Novelty:
    """What is new about a value, and what is usual there.

    Attributes:
        news: above or below all values remembered, a course as there was none, or a value that never came
            after such values.
        known: how many values before it are remembered.
        width: of how many values, the newest one last, the course is new; 1 for all else.
        usual: range (5 % to 95 %) of the values that came in its place after the 20 most similar courses.
    """

    news: News
    known: int
    width: int
    usual: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A value worth telling: line of the file, time, score (0.5..1) and why."""

    line: int
    at_s: float
    value: float
    score: float
    novelty: Novelty


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSeries:
    """One column of numbers.

    ``notable`` counts the values worth telling; ``moments`` are those with the highest scores, oldest first.
    """

    name: str
    count: int
    missing: int
    unreadable: Unread
    low: float
    high: float
    mean: float
    slices: tuple[Slice, ...]
    notable: int
    moments: tuple[Moment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFindings:
    """What one table holds.

    Attributes:
        source: the file.
        rows: below the header.
        time_column: what the times were taken from.
        start_s: earliest time.
        end_s: latest time.
        series: columns of numbers, as they stand in the table.
        left_out: names of columns that hold no numbers.
        unread_times: rows left out, for their times could not be read.
        uneven: rows left out, for they have more cells than the header.
        unordered: rows that are not later than the row before.
    """

    source: str
    rows: int
    time_column: str
    start_s: float
    end_s: float
    series: tuple[MetricSeries, ...]
    left_out: tuple[str, ...]
    unread_times: Unread
    uneven: Unread
    unordered: int

    def masked(self, mask: Callable[[str], str]) -> Self:
        """Return it with all text of the table masked."""
        return replace(
            self,
            time_column=mask(self.time_column),
            series=tuple(
                replace(each, name=mask(each.name), unreadable=each.unreadable.masked(mask))
                for each in self.series
            ),
            left_out=tuple(map(mask, self.left_out)),
            unread_times=self.unread_times.masked(mask),
            uneven=self.uneven.masked(mask),
        )
