"""What is found in a table of alarms, as plain values (seed box: Correlation Engine)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

from error_manager.analysis.causality import CausalGraph
from error_manager.analysis.unread import Unread


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmFindings:
    """Which kinds of alarms cause which.

    Attributes:
        source: the files.
        columns: names of the columns of time, kind and place, of the first file.
        kinds: names of the kinds, by their code in the graph.
        counts: alarms per kind.
        places: how many places there are.
        start_s: of the first alarm, seconds since 1970, or as many as the table has.
        end_s: of the last.
        graph: of the kinds.
        left_out: alarms of kinds beyond those that are compared.
        incomplete: rows left out, without a time that can be read, a kind or a place.
    """

    source: str
    columns: tuple[str, str, str]
    kinds: tuple[str, ...]
    counts: tuple[int, ...]
    places: int
    start_s: float
    end_s: float
    graph: CausalGraph
    left_out: int
    incomplete: Unread

    @property
    def total(self) -> int:
        """Return how many alarms were compared."""
        return sum(self.counts)

    def masked(self, mask: Callable[[str], str]) -> Self:
        """Return it with all text of the table masked."""
        time, kind, place = map(mask, self.columns)
        return replace(
            self,
            columns=(time, kind, place),
            kinds=tuple(map(mask, self.kinds)),
            incomplete=self.incomplete.masked(mask),
        )
