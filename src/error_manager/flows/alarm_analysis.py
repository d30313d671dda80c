"""The path of a table of alarms: rows -> times, kinds, places -> graph (seed box: Correlation Engine)."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import numpy as np

from error_manager.analysis.alarm_finding import AlarmFindings
from error_manager.analysis.causality import causal_graph
from error_manager.analysis.unread import Unread
from error_manager.decoding.table import (
    KIND_NAMES,
    PLACE_NAMES,
    Table,
    joined,
    named_column,
    read_time,
    time_columns,
)

MOST_KINDS: Final = 500
"""Kinds held against each other, the most frequent: time and memory grow with the square."""


class AlarmAnalysis:
    """Collects the alarms of tables, 16 bytes each, and finds which kinds cause which."""

    def __init__(self, *, now: datetime) -> None:
        """Start without alarms; ``now`` (aware) is for times without a year."""
        self._now = now
        self._times, self._kinds, self._places = array("d"), array("i"), array("i")
        self._kind_codes: dict[str, int] = {}
        self._place_codes: dict[str, int] = {}
        self._incomplete = Unread()
        self._sources: list[str] = []
        self._columns: tuple[str, str, str] = ("", "", "")

    def read(self, table: Table) -> Iterator[int]:
        """Take all alarms of a table and yield the line of each row.

        Raises:
            ConfigurationError: there is no column of times, kinds or places, or no row has all three.
        """
        times = time_columns(table, now=self._now)
        kind_at = named_column(table, KIND_NAMES, what="the kind of alarm")
        place_at = named_column(table, PLACE_NAMES, what="the place of the alarm")
        before, incomplete = len(self._times), Unread()
        for line, cells in table.rows:
            at_s = read_time(joined(cells, times), now=self._now)
            kind, place = (cells[at].strip() if at < len(cells) else "" for at in (kind_at, place_at))
            if at_s is None or not kind or not place:
                incomplete = incomplete.plus(line, table.delimiter.join(cells))
            else:
                self._add(at_s, kind, place)
            yield line
        header = table.header
        columns = (" + ".join(header[at] for at in times), header[kind_at], header[place_at])
        if len(self._times) == before:
            raise table.error(
                incomplete.line,
                f"expected a time, a kind and a place ({', '.join(columns)}); found {incomplete.text!r}",
            )
        self._incomplete = self._incomplete.joined(incomplete)
        self._sources.append(table.name)
        self._columns = self._columns if any(self._columns) else columns

    def _add(self, at_s: float, kind: str, place: str) -> None:
        self._times.append(at_s)
        self._kinds.append(self._kind_codes.setdefault(kind, len(self._kind_codes)))
        self._places.append(self._place_codes.setdefault(place, len(self._place_codes)))

    def finish(self) -> AlarmFindings:
        """Return which kinds cause which, when all tables were read; kinds are sorted by name."""
        times = np.frombuffer(self._times, dtype=np.float64)
        names = np.array(list(self._kind_codes), dtype=object)
        codes = np.frombuffer(self._kinds, dtype=np.int32)
        frequent = np.argsort(-np.bincount(codes, minlength=len(names)), kind="stable")[:MOST_KINDS]
        chosen = frequent[np.argsort(names[frequent])]
        code_of = np.full(len(names), -1)
        code_of[chosen] = np.arange(len(chosen))
        kinds = code_of[codes]
        is_kept = kinds >= 0
        kept = kinds[is_kept]
        return AlarmFindings(
            source=", ".join(self._sources),
            columns=self._columns,
            kinds=tuple(names[chosen].tolist()),
            counts=tuple(np.bincount(kept, minlength=len(chosen)).tolist()),
            places=len(self._place_codes),
            start_s=float(times.min()),
            end_s=float(times.max()),
            graph=causal_graph(
                times[is_kept],
                kept,
                np.frombuffer(self._places, dtype=np.int32).astype(np.int64)[is_kept],
                kind_count=len(chosen),
            ),
            left_out=int((~is_kept).sum()),
            incomplete=self._incomplete,
        )
