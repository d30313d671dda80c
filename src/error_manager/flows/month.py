"""The month that the hourly analysis looks at (seed box: Aggregator)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

import numpy as np

from error_manager.analysis.aggregator import (
    MODULE,
    PATTERN,
    PROJECT,
    Buckets,
    Flags,
    Floats,
    SeriesTable,
    aggregate,
    between,
    places,
    stacked,
    summed,
)
from error_manager.analysis.baseline import Baseline, baseline
from error_manager.flows.analysis_window import HISTORY, collection
from error_manager.storage.analysis_source import AnalysedProject, AnalysisSource, CountRows, PatternFact

HOUR_S = 3_600
MINUTE_S = 60
DAY = timedelta(days=1)
_PART = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """Patterns of a project with their closed hours, and the minutes of the last day before ``until``.

    ``hourly`` and ``minutes`` hold one row per pattern, in the order of ``facts``; NaN = not collected.
    """

    project: AnalysedProject
    until: datetime
    facts: tuple[PatternFact, ...]
    hourly: SeriesTable
    minutes: SeriesTable

    @property
    def first_seen_s(self) -> Floats:
        """Return when each pattern had its first error, seconds since the epoch."""
        return np.array([fact.first_seen.timestamp() for fact in self.facts])

    @property
    def last_seen_s(self) -> Floats:
        """Return when each pattern had its last error, seconds since the epoch."""
        return np.array([fact.last_seen.timestamp() for fact in self.facts])

    @property
    def all_hourly(self) -> SeriesTable:
        """Return the hours of patterns, modules and the whole project."""
        modules = summed(self.hourly, MODULE, [fact.module for fact in self.facts])
        return stacked([self.hourly, modules, summed(self.hourly, PROJECT, [""] * len(self.facts))])


def parts(count: int) -> Iterator[slice]:
    """Yield the rows of a table in parts: what is computed of all of them at once takes hundreds of MB."""
    for start in range(0, count, _PART):
        yield slice(start, start + _PART)


def usual(month: Month) -> Baseline:
    """Return what the patterns of a month usually do."""
    first = month.first_seen_s
    found = [
        baseline(
            month.hourly.counts[part],
            month.minutes.counts[part],
            start_s=float(month.hourly.start_s),
            first_seen_s=first[part],
        )
        for part in parts(len(first))
    ]
    names = [part.name for part in fields(Baseline)]
    return Baseline(**{name: np.concatenate([getattr(one, name) for one in found]) for name in names})


async def read_month(source: AnalysisSource, project: AnalysedProject, *, until: datetime) -> Month | None:
    """Return the month before an hour, None when the project had no error in it.

    Args:
        source: where to read.
        project: whose.
        until: a whole hour.
    """
    since = until - HISTORY
    facts = await source.patterns(project.id, since=since)
    if not facts:
        return None
    hours = between(since.timestamp(), until.timestamp(), step_s=HOUR_S)
    counts = await source.hours(project.id, since=since, until=until)
    hourly = await _table(source, facts, counts, hours)
    return Month(
        project=project,
        until=until,
        facts=facts,
        hourly=hourly,
        minutes=await read_day(source, project, facts, until=until),
    )


async def read_day(
    source: AnalysisSource, project: AnalysedProject, facts: tuple[PatternFact, ...], *, until: datetime
) -> SeriesTable:
    """Return the minutes of the last day before a minute, one row per pattern."""
    minutes = between((until - DAY).timestamp(), until.timestamp(), step_s=MINUTE_S)
    counts = await source.minutes(project.id, since=until - DAY, until=until)
    return await _table(source, facts, counts, minutes)


async def _table(
    source: AnalysisSource, facts: tuple[PatternFact, ...], counts: CountRows, buckets: Buckets
) -> SeriesTable:
    is_collected = await collection(source, buckets)
    return await asyncio.to_thread(_aggregated, facts, counts, buckets, is_collected)


def _aggregated(
    facts: tuple[PatternFact, ...], counts: CountRows, buckets: Buckets, is_collected: Flags
) -> SeriesTable:
    ids = np.array([fact.id for fact in facts], dtype=np.int64)
    return aggregate(
        [(PATTERN, str(fact.id)) for fact in facts],
        places(ids, counts.keys),
        counts.times_s,
        counts.counts,
        buckets=buckets,
        is_collected=is_collected,
    )
