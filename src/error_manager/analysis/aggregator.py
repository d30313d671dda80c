"""Rows of counts -> arrays over buckets of time (seed box: Aggregator).

Times that nobody collected are NaN, never 0: we do not know what happened then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from error_manager.analysis.collection import joined

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Scope = tuple[str, str]
"""("pattern" | "module" | "project" | "severity", key)."""

PATTERN: Final = "pattern"
MODULE: Final = "module"
PROJECT: Final = "project"
SEVERITY: Final = "severity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """Buckets of ``step_s`` seconds from ``start_s`` (seconds since the epoch) on."""

    start_s: int
    step_s: int
    count: int

    @property
    def end_s(self) -> int:
        """Return the end of the last bucket."""
        return self.start_s + self.step_s * self.count

    def tail(self, count: int) -> Buckets:
        """Return the last ``count`` of them."""
        kept = min(count, self.count)
        return Buckets(start_s=self.end_s - kept * self.step_s, step_s=self.step_s, count=kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series: counts per bucket, NaN = not collected."""

    scope: Scope
    start_s: int
    step_s: int
    counts: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesTable:
    """Series over the same buckets: ``counts`` has the shape (scopes, buckets), NaN = not collected."""

    scopes: tuple[Scope, ...]
    start_s: int
    step_s: int
    counts: Floats

    @property
    def buckets(self) -> Buckets:
        """Return what the columns are."""
        return Buckets(start_s=self.start_s, step_s=self.step_s, count=self.counts.shape[1])

    def series(self, row: int) -> Series:
        """Return one row."""
        return Series(
            scope=self.scopes[row], start_s=self.start_s, step_s=self.step_s, counts=self.counts[row]
        )


def between(start_s: float, end_s: float, *, step_s: int) -> Buckets:
    """Return the whole buckets inside [start_s, end_s), aligned to multiples of the step."""
    first = -int(-start_s // step_s) * step_s
    return Buckets(start_s=first, step_s=step_s, count=max(0, int(end_s - first) // step_s))


def collected(spans: Sequence[tuple[float, float]], buckets: Buckets, *, since_s: float) -> Flags:
    """Return which buckets were collected from their start to their end.

    Args:
        spans: (start, end) in seconds of the times in which errors were taken in; in any order, may overlap.
        buckets: what to look at.
        since_s: start of the first span ever; what lies before it was told afterwards (an import) and counts
            as collected. Infinity when there is no span at all.

    Returns:
        Shape (buckets,).
    """
    edges = buckets.start_s + buckets.step_s * np.arange(buckets.count + 1, dtype=np.float64)
    covered = np.zeros(buckets.count)
    for start, end in joined([(float("-inf"), since_s), *spans]):
        low, high = np.maximum(edges[:-1], start), np.minimum(edges[1:], end)
        covered += np.maximum(high - low, 0.0)
    return np.asarray(covered >= buckets.step_s - 1e-6, dtype=np.bool_)


def places(known: Integers, keys: Integers) -> Integers:
    """Return where each key is among the known ones (ascending), -1 = it is not."""
    if not len(known):
        return np.full(len(keys), -1, dtype=np.int64)
    found = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[found] == keys, found, -1)


def aggregate(
    scopes: Sequence[Scope],
    rows: Integers,
    times_s: Integers,
    counts: Floats,
    *,
    buckets: Buckets,
    is_collected: Flags,
) -> SeriesTable:
    """Return counts per series and bucket: 0 where no row is, NaN where nobody collected.

    Args:
        scopes: the series, one row each.
        rows: which series each count is of, shape (n,); -1 = none of them.
        times_s: when, in seconds since the epoch, shape (n,); those outside of the buckets are left out.
        counts: how many, shape (n,).
        buckets: the columns.
        is_collected: shape (buckets,).
    """
    columns = (times_s - buckets.start_s) // buckets.step_s
    is_inside = (columns >= 0) & (columns < buckets.count) & (rows >= 0)
    table = np.zeros((len(scopes), buckets.count))
    np.add.at(table, (rows[is_inside], columns[is_inside]), counts[is_inside])
    table[:, ~is_collected] = np.nan
    return SeriesTable(scopes=tuple(scopes), start_s=buckets.start_s, step_s=buckets.step_s, counts=table)


def summed(table: SeriesTable, kind: str, keys: Sequence[str]) -> SeriesTable:
    """Return one series per different key, the sum of the rows that have it, in order of the keys.

    Args:
        table: the series to sum.
        kind: of the scopes of the sums.
        keys: one per row of the table.
    """
    names, places = np.unique(np.asarray(keys, dtype=np.str_), return_inverse=True)
    counts = np.zeros((len(names), table.counts.shape[1]))
    np.add.at(counts, places, table.counts)
    return SeriesTable(
        scopes=tuple((kind, str(name)) for name in names),
        start_s=table.start_s,
        step_s=table.step_s,
        counts=counts,
    )


def stacked(tables: Sequence[SeriesTable]) -> SeriesTable:
    """Return the rows of tables over the same buckets in one."""
    first = tables[0]
    if any(table.buckets != first.buckets for table in tables):
        raise ValueError("the tables have different buckets")
    return SeriesTable(
        scopes=tuple(scope for table in tables for scope in table.scopes),
        start_s=first.start_s,
        step_s=first.step_s,
        counts=np.concatenate([table.counts for table in tables]),
    )
