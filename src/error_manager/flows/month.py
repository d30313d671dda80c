"""The month that the hourly analysis looks at (seed box: Aggregator)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from error_manager.analysis.aggregator import (
    MODULE,
    PATTERN,
    PROJECT,
    Buckets,
    Flags,
    Floats,
    Integers,
    SeriesTable,
    aggregate,
    between,
    places,
    stacked,
)
from error_manager.analysis.baseline import Baseline, baseline
from error_manager.flows.analysis_window import HISTORY, collection
from error_manager.storage.analysis_source import AnalysedProject, AnalysisSource, CountRows, PatternFact

HOUR_S = 3_600
MINUTE_S = 60
DAY = timedelta(days=1)
MOST_PATTERNS: Final = 12_000
"""Patterns of a project that an hour looks at: each takes 17 kB, and its forecast 27 kB."""
_PART = 250
_WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """Patterns of a project with their closed hours, and the minutes of the last day before ``until``.

    ``hourly`` and ``minutes`` hold one row per pattern, in the order of ``facts``; NaN = not collected. Of
    more patterns than can be looked at the least active are ``left_out``; ``sums``, the hours of modules and
    of the whole project, have their errors too.
    """

    project: AnalysedProject
    until: datetime
    facts: tuple[PatternFact, ...]
    hourly: SeriesTable
    minutes: SeriesTable
    sums: SeriesTable
    left_out: int = 0

    @property
    def first_seen_s(self) -> Floats:
        """Return when each pattern had its first error, seconds since the epoch."""
        return np.array([fact.first_seen.timestamp() for fact in self.facts])

    @property
    def last_seen_s(self) -> Floats:
        """Return when each pattern had its last error, seconds since the epoch."""
        return np.array([fact.last_seen.timestamp() for fact in self.facts])


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


async def read_month(
    source: AnalysisSource, project: AnalysedProject, *, until: datetime, most: int = MOST_PATTERNS
) -> Month | None:
    """Return the month before an hour, None when the project had no error in it.

    Args:
        source: where to read.
        project: whose.
        until: a whole hour.
        most: patterns to look at; of more, those with the most errors in the last week, then in the month.
    """
    since = until - HISTORY
    known = await source.patterns(project.id, since=since)
    if not known:
        return None
    hours = between(since.timestamp(), until.timestamp(), step_s=HOUR_S)
    is_collected = await collection(source, hours)
    counts = await source.hours(project.id, since=since, until=until)
    facts = await asyncio.to_thread(
        _most_active, known, counts, since_s=(until - _WEEK).timestamp(), most=most
    )
    return Month(
        project=project,
        until=until,
        facts=facts,
        hourly=await asyncio.to_thread(_aggregated, facts, counts, hours, is_collected),
        minutes=await read_day(source, project, facts, until=until),
        sums=await asyncio.to_thread(_sums, known, facts, counts, hours, is_collected),
        left_out=len(known) - len(facts),
    )


async def read_day(
    source: AnalysisSource, project: AnalysedProject, facts: tuple[PatternFact, ...], *, until: datetime
) -> SeriesTable:
    """Return the minutes of the last day before a minute, one row per pattern."""
    minutes = between((until - DAY).timestamp(), until.timestamp(), step_s=MINUTE_S)
    counts = await source.minutes(project.id, since=until - DAY, until=until)
    is_collected = await collection(source, minutes)
    return await asyncio.to_thread(_aggregated, facts, counts, minutes, is_collected)


def _most_active(
    facts: tuple[PatternFact, ...], counts: CountRows, *, since_s: float, most: int
) -> tuple[PatternFact, ...]:
    """Return the patterns with the most errors since then, then in all, in order of their ids."""
    if len(facts) <= most:
        return facts
    rows = places(_ids(facts), counts.keys)
    in_month = rows >= 0
    month, week = (
        np.bincount(rows[is_counted], counts.counts[is_counted], minlength=len(facts))
        for is_counted in (in_month, in_month & (counts.times_s >= since_s))
    )
    kept = np.lexsort((month, week))[-most:]
    return tuple(facts[row] for row in np.sort(kept).tolist())


def _aggregated(
    facts: tuple[PatternFact, ...], counts: CountRows, buckets: Buckets, is_collected: Flags
) -> SeriesTable:
    return aggregate(
        [(PATTERN, str(fact.id)) for fact in facts],
        places(_ids(facts), counts.keys),
        counts.times_s,
        counts.counts,
        buckets=buckets,
        is_collected=is_collected,
    )


def _sums(
    known: tuple[PatternFact, ...],
    facts: tuple[PatternFact, ...],
    counts: CountRows,
    buckets: Buckets,
    is_collected: Flags,
) -> SeriesTable:
    """Return the hours of the modules that ``facts`` are in, and of the project, with the errors of all."""
    names = sorted({fact.module for fact in facts})
    place = {name: row for row, name in enumerate(names)}
    homes = np.array([place.get(fact.module, -1) for fact in known], dtype=np.int64)
    rows = places(_ids(known), counts.keys)
    tables = [
        aggregate(
            scopes,
            np.where(rows >= 0, owners[rows], -1),
            counts.times_s,
            counts.counts,
            buckets=buckets,
            is_collected=is_collected,
        )
        for scopes, owners in (
            ([(MODULE, name) for name in names], homes),
            ([(PROJECT, "")], np.zeros_like(homes)),
        )
    ]
    return stacked(tables)


def _ids(facts: tuple[PatternFact, ...]) -> Integers:
    return np.array([fact.id for fact in facts], dtype=np.int64)
