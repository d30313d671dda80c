"""The order in which the demo's errors are written: one that is interrupted still covers all its days. Pure.

Errors that make a pattern, and those of the fault that is resolved and comes back, are written first and in
order of time: what a pattern keeps of its first error (text, release) and of its return must not depend on
the order of the rest. The rest is cut into batches of consecutive errors, because those share the rows they
are counted in: with every n-th error of the whole range in a batch, each error would touch rows of its
own (a quarter slower).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from error_manager.runtime.demo.schedule import RESOLVED_FAULT, Moment

Numbered = tuple[int, Moment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """``opening`` comes before the fault is resolved, ``comeback`` is its first error after that."""

    opening: tuple[Numbered, ...]
    comeback: tuple[Numbered, ...]
    batches: tuple[Sequence[Numbered], ...]


def writing_order(planned: Sequence[Moment], *, resolved_at: datetime, size: int) -> Order:
    """Return the order for moments that are sorted by time; their places are their numbers.

    Args:
        planned: all errors of the demo, oldest first.
        resolved_at: when somebody resolved the fault ``RESOLVED_FAULT``.
        size: errors in a batch, >= 1.
    """
    opening: list[Numbered] = []
    comeback: list[Numbered] = []
    rest: list[Numbered] = []
    known: set[str] = set()
    for numbered in enumerate(planned):
        moment = numbered[1]
        is_resolved_one = moment.fault.key == RESOLVED_FAULT
        if is_resolved_one and moment.at >= resolved_at and not comeback:
            comeback.append(numbered)
        elif moment.fault.key not in known or (is_resolved_one and moment.at < resolved_at):
            opening.append(numbered)
        else:
            rest.append(numbered)
        known.add(moment.fault.key)
    batches = [rest[first : first + size] for first in range(0, len(rest), size)]
    return Order(
        opening=tuple(opening),
        comeback=tuple(comeback),
        batches=tuple(batches[place] for place in spread(len(batches))),
    )


def spread(count: int) -> list[int]:
    """Return 0 .. count - 1 in an order of which every beginning lies evenly over the whole.

    Source:
        The van der Corput sequence in base 2: count in binary and read the digits backwards.
    """
    width = max(1, (count - 1).bit_length())
    places = (int(f"{number:0{width}b}"[::-1], 2) for number in range(1 << width))
    return [place for place in places if place < count]
