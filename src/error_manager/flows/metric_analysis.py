"""The path of a table of metrics: rows -> numbers -> scores -> moments (seed box: Anomaly Detection)."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from error_manager.analysis.envelope import Envelope
from error_manager.analysis.metric_finding import MetricFindings, MetricSeries, Moment
from error_manager.analysis.novelty import NOTABLE, NoveltyDetector
from error_manager.analysis.unread import Unread
from error_manager.core.errors import ConfigurationError
from error_manager.decoding.table import Table, joined, read_number, read_time, time_columns

MOST_MOMENTS: Final = 1_000
"""Moments kept of each column, those with the highest scores; the others are counted."""
MOST_COLUMNS: Final = 200
"""Columns beside the times: each may take 3 MB."""
_SURE_STEPS: Final = 50
"""A table begins with its newest row when so many more steps lead back than forward."""


class Scored(NamedTuple):
    """One value: its column and how new it is."""

    column: str
    value: float
    score: float


@dataclass(slots=True)
class _Series:
    """What is known of one column so far."""

    name: str
    count: int = 0
    missing: int = 0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    unreadable: Unread = field(default_factory=Unread)
    notable: int = 0
    detector: NoveltyDetector | None = None
    envelope: Envelope = field(default_factory=Envelope)
    best: list[tuple[float, int, Moment]] = field(default_factory=list)

    @property
    def is_of_numbers(self) -> bool:
        return self.count > self.unreadable.count

    def score(self, line: int, at_s: float, value: float) -> float:
        """Take a value and return how new it is."""
        if self.detector is None:  # a column of text needs none
            self.detector = NoveltyDetector()
        score = self.detector.update(value)
        self.count += 1
        self.total += value
        self.low, self.high = min(self.low, value), max(self.high, value)
        self.envelope.add(at_s, value)
        if score >= NOTABLE:
            self.notable += 1
            novelty = self.detector.explain()
            moment = Moment(line=line, at_s=at_s, value=value, score=score, novelty=novelty)
            keep = heapq.heappush if len(self.best) < MOST_MOMENTS else heapq.heappushpop
            keep(self.best, (score, -line, moment))
        return score

    def found(self) -> MetricSeries:
        """Return what was found."""
        return MetricSeries(
            name=self.name,
            count=self.count,
            missing=self.missing,
            unreadable=self.unreadable,
            low=self.low,
            high=self.high,
            mean=self.total / self.count,
            slices=self.envelope.slices(),
            notable=self.notable,
            moments=tuple(sorted((each for *_, each in self.best), key=lambda each: each.line)),
        )


class MetricAnalysis:
    """Scores the columns of a table, row by row."""

    def __init__(self, table: Table, *, now: datetime) -> None:
        """Find the column of times; all others may hold numbers.

        Args:
            table: not yet read.
            now: aware; for times without a year.

        Raises:
            ConfigurationError: no column has times, or there are more than ``MOST_COLUMNS`` others.
        """
        self._table = table
        self._now = now
        self._times = time_columns(table, now=now)
        self._series = {
            place: _Series(name) for place, name in enumerate(table.header) if place not in self._times
        }
        if len(self._series) > MOST_COLUMNS:
            raise table.error(
                table.header_line,
                f"{len(self._series):,} columns beside the times; at most {MOST_COLUMNS} are read at once: "
                "give some of them, with the times, as a file of their own",
            )
        self._has_comma = table.delimiter != ","
        self._rows = self._later = self._same = self._back = 0
        self._unread = self._uneven = Unread()
        self._line = table.header_line
        self._newest: float | None = None
        self._span = (math.inf, -math.inf)

    def add(self, line: int, cells: Sequence[str]) -> list[Scored]:
        """Take a row and return the score of each number in it.

        Args:
            line: of the file.
            cells: of the row.

        Raises:
            ConfigurationError: the newest rows come first.
        """
        self._rows += 1
        if any(cells[len(self._table.header) :]):
            self._uneven = self._uneven.plus(line, self._table.delimiter.join(cells))
            return []
        text = joined(cells, self._times)
        at_s = read_time(text, now=self._now)
        if at_s is None:
            self._unread = self._unread.plus(line, text)
            return []
        self._order(line, at_s)
        return [
            scored
            for place, series in self._series.items()
            if (scored := self._score(series, line, at_s, cells[place] if place < len(cells) else ""))
        ]

    def _score(self, series: _Series, line: int, at_s: float, text: str) -> Scored | None:
        value = read_number(text, has_comma=self._has_comma)
        if value is None:
            series.unreadable = series.unreadable.plus(line, text)
            return None
        if math.isnan(value):
            series.missing += 1
            return None
        return Scored(series.name, value, series.score(line, at_s, value))

    def _order(self, line: int, at_s: float) -> None:
        if self._newest is not None:
            self._later += at_s > self._newest
            self._same += at_s == self._newest
            self._back += at_s < self._newest
        self._line, self._newest = line, at_s
        self._span = (min(self._span[0], at_s), max(self._span[1], at_s))
        if self._back > self._later + _SURE_STEPS:
            raise self._order_error(line)

    def _order_error(self, line: int) -> ConfigurationError:
        return self._table.error(
            line,
            f"expected the oldest row first; {self._back:,} rows are older than the row before: sort them",
        )

    def finish(self) -> MetricFindings:
        """Return what was found when all rows were given.

        Raises:
            ConfigurationError: no row could be read, no column holds numbers, or the newest rows come first.
        """
        table, header = self._table, self._table.header
        if self._unread.count + self._uneven.count == self._rows:
            raise _unread_error(table, self._unread, self._uneven)
        if self._back > self._later:
            raise self._order_error(self._line)
        series = [each for each in self._series.values() if each.is_of_numbers]
        if not series:
            raise self._no_numbers()
        return MetricFindings(
            source=table.name,
            rows=self._rows,
            time_column=" + ".join(header[place] for place in self._times),
            start_s=self._span[0],
            end_s=self._span[1],
            series=tuple(each.found() for each in series),
            left_out=tuple(each.name for each in self._series.values() if not each.is_of_numbers),
            unread_times=self._unread,
            uneven=self._uneven,
            unordered=self._same + self._back,
        )

    def _no_numbers(self) -> ConfigurationError:
        times = " + ".join(self._table.header[place] for place in self._times)
        other = next((each for each in self._series.values() if each.unreadable.count), None)
        found = f"found {other.unreadable.text!r} in {other.name!r}" if other else "found none"
        line = other.unreadable.line if other else self._table.header_line
        return self._table.error(line, f"expected a number in a column beside the times ({times}); {found}")


def _unread_error(table: Table, unread: Unread, uneven: Unread) -> ConfigurationError:
    """Return the error of a table of which no row could be read."""
    if unread.count:
        return table.error(
            unread.line,
            f"expected a time such as 2026-11-23T10:00:00Z or seconds since 1970, found {unread.text!r}",
        )
    return table.error(
        uneven.line,
        f"expected {len(table.header)} cells as in the header, found more: {uneven.text!r}",
    )
