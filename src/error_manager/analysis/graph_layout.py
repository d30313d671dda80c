"""Where to draw what comes before what: causes left, what follows right (seed box: Dashboard)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

MOST_NODES: Final = 14
MOST_EDGES: Final = 16
NODE_WIDTH: Final = 190
NODE_HEIGHT: Final = 34
_COLUMN: Final = 300
_ROW: Final = 46
_TURN: Final = 52
"""Length of the straight end of a line, below its label."""


class Pair(NamedTuple):
    """``second`` follows ``first``; ``score`` 0..1 is how sure that is."""

    first: int
    second: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Corner:
    """Upper left corner of the box of a key, in pixels."""

    x: int
    y: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The line of the pair at ``place`` in the input, from (x1, y1) to (x2, y2)."""

    place: int
    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def is_forward(self) -> bool:
        """Return whether it goes from left to right."""
        return self.x1 < self.x2

    @property
    def path(self) -> str:
        """Return it as the path of an SVG: a curve with a straight end, around the boxes of its own row."""
        step = _TURN if self.is_forward else -_TURN
        turn = self.x2 - step
        if self.y1 == self.y2 and abs(self.x2 - self.x1) > _COLUMN:
            gap = self.y1 + _ROW // 2
            begin, bend, end = self.x1 + step // 2, self.x1 + step, turn - step // 2
            return (
                f"M{self.x1} {self.y1}C{begin} {self.y1} {begin} {gap} {bend} {gap}H{turn - step}"
                f"C{end} {gap} {end} {self.y2} {turn} {self.y2}H{self.x2}"
            )
        middle = (self.x1 + turn) // 2
        return f"M{self.x1} {self.y1}C{middle} {self.y1} {middle} {self.y2} {turn} {self.y2}H{self.x2}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What to draw, with its size in pixels."""

    corners: Mapping[int, Corner]
    lines: tuple[Line, ...]
    width: int
    height: int


def lay_out(pairs: Sequence[Pair]) -> Layout:
    """Return the strongest pairs as a drawing, each chain from left to right."""
    places = _strongest(pairs)
    kept = [pairs[place] for place in places]
    columns = _columns(kept)
    rows: dict[int, int] = {}
    corners: dict[int, Corner] = {}
    for key in sorted(columns, key=lambda one: (columns[one], _order(one, kept, corners), one)):
        column = columns[key]
        row = rows[column] = rows.get(column, -1) + 1
        corners[key] = Corner(x=column * _COLUMN, y=4 + row * _ROW)
    return Layout(
        corners=corners,
        lines=tuple(_line(place, pairs[place], corners) for place in places),
        width=max(columns.values(), default=0) * _COLUMN + NODE_WIDTH + 2,
        height=(max(rows.values(), default=-1) + 1) * _ROW + 2,
    )


def _strongest(pairs: Sequence[Pair]) -> list[int]:
    kept: list[int] = []
    seen: set[int] = set()
    for place in sorted(
        range(len(pairs)), key=lambda at: (-pairs[at].score, pairs[at].first, pairs[at].second)
    ):
        ends = {pairs[place].first, pairs[place].second}
        if len(kept) < MOST_EDGES and len(seen | ends) <= MOST_NODES:
            kept.append(place)
            seen |= ends
    return kept


def _columns(pairs: list[Pair]) -> dict[int, int]:
    """Return how many steps each key is behind the first of its chain; a circle is cut."""
    columns = dict.fromkeys((end for one in pairs for end in (one.first, one.second)), 0)
    for _ in range(len(columns)):
        moved = False
        for one in pairs:
            if columns[one.second] <= columns[one.first] < len(columns) - 1 and not _is_weaker(one, pairs):
                columns[one.second] = columns[one.first] + 1
                moved = True
        if not moved:
            break
    used = sorted(set(columns.values()))
    return {key: used.index(column) for key, column in columns.items()}


def _is_weaker(one: Pair, pairs: list[Pair]) -> bool:
    """Return whether the opposite direction is as strong or stronger: that one decides who stands left."""
    return any(
        (other.first, other.second) == (one.second, one.first)
        and (other.score, other.first) >= (one.score, one.first)
        for other in pairs
    )


def _order(key: int, pairs: Iterable[Pair], corners: Mapping[int, Corner]) -> float:
    """Return the height at which a box crosses least: the mean of what it follows, drawn already."""
    heights = [corners[one.first].y for one in pairs if one.second == key and one.first in corners]
    return sum(heights) / len(heights) if heights else 0.0


def _line(place: int, pair: Pair, corners: Mapping[int, Corner]) -> Line:
    first, second = corners[pair.first], corners[pair.second]
    is_forward = first.x < second.x
    return Line(
        place=place,
        x1=first.x + (NODE_WIDTH if is_forward else 0),
        y1=first.y + NODE_HEIGHT // 2,
        x2=second.x + (0 if is_forward else NODE_WIDTH),
        y2=second.y + NODE_HEIGHT // 2,
    )
