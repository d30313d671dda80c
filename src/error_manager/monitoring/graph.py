"""Which pattern comes before which, as a small drawing (seed box: Dashboard). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from error_manager.core.types import PatternId, ProjectId
from error_manager.monitoring.finding import CorrelationFinding, PatternFacts

MOST_NODES: Final = 14
MOST_EDGES: Final = 16
NODE_WIDTH: Final = 190
NODE_HEIGHT: Final = 34
_COLUMN: Final = 300
_ROW: Final = 46


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
    """``second`` follows ``first``: from (x1, y1) to (x2, y2); ``weight`` 0..1 is how sure it is."""

    first: PatternId
    second: PatternId
    x1: int
    y1: int
    x2: int
    y2: int
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
    kept = _strongest([one for one in relations if {one.first, one.second} <= patterns.keys()])
    columns = _columns(kept)
    rows: dict[int, int] = {}
    nodes: dict[PatternId, Node] = {}
    for pattern in sorted(columns, key=lambda one: (columns[one], _order(one, kept, nodes), one)):
        column = columns[pattern]
        row = rows[column] = rows.get(column, -1) + 1
        nodes[pattern] = Node(
            pattern_id=pattern,
            project_id=patterns[pattern].project_id,
            title=patterns[pattern].title,
            x=column * _COLUMN,
            y=4 + row * _ROW,
        )
    return Graph(
        nodes=tuple(nodes.values()),
        edges=tuple(_edge(one, nodes) for one in kept),
        width=max(columns.values(), default=0) * _COLUMN + NODE_WIDTH + 2,
        height=(max(rows.values(), default=-1) + 1) * _ROW + 2,
    )


def _strongest(relations: list[CorrelationFinding]) -> list[CorrelationFinding]:
    kept: list[CorrelationFinding] = []
    seen: set[PatternId] = set()
    for one in sorted(relations, key=lambda one: (-one.score, one.first, one.second)):
        if len(kept) < MOST_EDGES and len(seen | {one.first, one.second}) <= MOST_NODES:
            kept.append(one)
            seen |= {one.first, one.second}
    return kept


def _columns(relations: list[CorrelationFinding]) -> dict[PatternId, int]:
    """Return how many steps each pattern is behind the first of its chain; a circle is cut."""
    columns = dict.fromkeys((end for one in relations for end in (one.first, one.second)), 0)
    for _ in range(len(columns)):
        moved = False
        for one in relations:
            if columns[one.second] <= columns[one.first] < len(columns) - 1 and not _is_weaker(
                one, relations
            ):
                columns[one.second] = columns[one.first] + 1
                moved = True
        if not moved:
            break
    used = sorted(set(columns.values()))
    return {pattern: used.index(column) for pattern, column in columns.items()}


def _is_weaker(one: CorrelationFinding, relations: list[CorrelationFinding]) -> bool:
    """Return whether the opposite direction is as strong or stronger: that one decides who stands left."""
    return any(
        (other.first, other.second) == (one.second, one.first)
        and (other.score, other.first) >= (one.score, one.first)
        for other in relations
    )


def _order(pattern: PatternId, relations: list[CorrelationFinding], nodes: Mapping[PatternId, Node]) -> float:
    """Return the height at which a pattern crosses least: the mean of what it follows, drawn already."""
    heights = [nodes[one.first].y for one in relations if one.second == pattern and one.first in nodes]
    return sum(heights) / len(heights) if heights else 0.0


def _edge(one: CorrelationFinding, nodes: Mapping[PatternId, Node]) -> Edge:
    first, second = nodes[one.first], nodes[one.second]
    is_forward = first.x < second.x
    return Edge(
        first=one.first,
        second=one.second,
        x1=first.x + (NODE_WIDTH if is_forward else 0),
        y1=first.y + NODE_HEIGHT // 2,
        x2=second.x + (0 if is_forward else NODE_WIDTH),
        y2=second.y + NODE_HEIGHT // 2,
        weight=one.score,
        gap=one.gap,
        support=one.support,
        trials=one.trials,
    )
