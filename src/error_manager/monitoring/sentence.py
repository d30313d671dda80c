"""Sentences made of parts that may link somewhere or be a time (seed box: Dashboard). Pure.

A page turns a target into an address and writes a time in the reader's zone; an alert or a file takes
``plain``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from error_manager.core.types import ProjectId
from error_manager.core.wording import number

Sentence = tuple["Part", ...]
_COARSER: Final[Mapping[str, tuple[str, float]]] = MappingProxyType(
    {"minute": ("hour", 60.0), "hour": ("day", 24.0)}
)


class TargetKind(StrEnum):
    """What a part of a sentence links to."""

    PATTERN = "pattern"
    MODULE = "module"
    PROJECT = "project"
    SEVERITY = "severity"
    RELEASE = "release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something of a project, named by its id or key."""

    project_id: ProjectId
    kind: TargetKind
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a sentence: a text that may link somewhere, or a time (then ``text`` is "")."""

    text: str = ""
    target: Target | None = None
    at: datetime | None = None


def plain(sentence: Iterable[Part], *, clock: str = "%H:%M") -> str:
    """Return a sentence as text, its times in their own zone in the form ``clock`` of strftime."""
    return "".join(part.text if part.at is None else part.at.strftime(clock) for part in sentence)


def words(*pieces: str | datetime | Part | Sentence) -> Sentence:
    """Return the pieces as one sentence; neighbouring texts without a target become one part."""
    joined: list[Part] = []
    for part in _parts(pieces):
        before = joined[-1] if joined else None
        if before and before.at is None and part.at is None and before.target is None and part.target is None:
            joined[-1] = Part(text=before.text + part.text)
        elif part.text or part.at is not None:
            joined.append(part)
    return tuple(joined)


def listed(items: Sequence[Sentence], *, most: int) -> Sentence:
    """Return items as ``a, b and c``, the ones over ``most`` counted: ``a, b and 4 more``."""
    shown = [*items[:most]]
    if len(items) > most:
        shown.append(words(f"{len(items) - most} more"))
    pieces: list[str | Sentence] = []
    for place, item in enumerate(shown):
        if place:
            pieces.append(" and " if place == len(shown) - 1 else ", ")
        pieces.append(item)
    return words(*pieces)


def rates(*values: float, per: str) -> tuple[tuple[str, ...], str]:
    """Return rates in words, and per what: of the units from ``per`` on the first in which one is 1 or more.

    ``rates(0.19, 0.004, per="minute")`` is ``("11", "0.24")`` an ``hour``: 0.004 a minute is hard to see.
    """
    while per in _COARSER and max(values) < 1:
        per, times = _COARSER[per]
        values = tuple(value * times for value in values)
    return tuple(map(number, values)), per


def _parts(pieces: Iterable[str | datetime | Part | Sentence]) -> Iterable[Part]:
    for piece in pieces:
        match piece:
            case str():
                yield Part(text=piece)
            case datetime():
                yield Part(at=piece)
            case Part():
                yield piece
            case _:
                yield from piece
