"""Which pattern comes before which, as a small drawing (seed box: Dashboard). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from error_manager.analysis.graph_layout import Line, Pair, lay_out
from error_manager.core.types import PatternId, ProjectId
from error_manager.monitoring.finding import CorrelationFinding, PatternFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A pattern; ``x`` and ``y`` are those of its upper left corner, in pixels."""

    pattern_id: PatternId
    project_id: ProjectId
    title: str
    x: int
    y: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """``second`` follows ``first`` along a line; ``weight`` 0..1 is how sure it is."""

    first: PatternId
    second: PatternId
    line: Line
    weight: float
    gap: timedelta
    support: int
    trials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """What to draw, with its size in pixels."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    width: int
    height: int

    def node(self, pattern_id: PatternId) -> Node:
        """Return the drawn pattern of an edge's end."""
        return next(one for one in self.nodes if one.pattern_id == pattern_id)


def graph(relations: Iterable[CorrelationFinding], patterns: Mapping[PatternId, PatternFacts]) -> Graph:
    """Return the strongest relations as a drawing: causes on the left, what follows to the right of them.

    Args:
        relations: directed pairs; of unknown patterns none is drawn.
        patterns: what is known of them.
    """
    known = [one for one in relations if {one.first, one.second} <= patterns.keys()]
    layout = lay_out([Pair(one.first, one.second, one.score) for one in known])
    return Graph(
        nodes=tuple(
            Node(
                pattern_id=pattern_id,
                project_id=patterns[pattern_id].project_id,
                title=patterns[pattern_id].title,
                x=corner.x,
                y=corner.y,
            )
            for pattern_id, corner in ((PatternId(key), corner) for key, corner in layout.corners.items())
        ),
        edges=tuple(_edge(known[line.place], line) for line in layout.lines),
        width=layout.width,
        height=layout.height,
    )


def _edge(one: CorrelationFinding, line: Line) -> Edge:
    return Edge(
        first=one.first,
        second=one.second,
        line=line,
        weight=one.score,
        gap=one.gap,
        support=one.support,
        trials=one.trials,
    )
