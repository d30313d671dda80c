"""Which release, deploy or configuration change most probably explains a change of a pattern. Pure.

Seed box: Frequency Analyzer. What each part of the score is worth: docs/guides/states.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

PRIOR: Final[Mapping[str, float]] = MappingProxyType({"release": 1.0, "deploy": 1.0, "configuration": 0.7})
"""Weight of a change by its kind before anything else is known; 0.5 for others."""
_OTHER_PRIOR: Final = 0.5
FADES_IN: Final = timedelta(hours=2)
"""A change explains e times less for each two hours that pass until the errors change."""
REACH: Final = timedelta(hours=24)
NO_CHANGE: Final = 0.15
"""Weight of "none of them": what a change must outweigh."""
_FIRST_VERSION: Final = 4.0
_FEW: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that was changed; ``kind`` is release, deploy, configuration or another word."""

    at: datetime
    kind: str
    version: str = ""
    environment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Onset:
    """A birth or a change of level that asks for an explanation.

    Attributes:
        at: when the errors changed.
        resolution: how exactly that is known (an hour for a change point, a minute for a birth).
        is_up: more errors than before (a birth, a rise), or fewer.
        is_birth: nothing of the kind came before.
        versions_before: errors by version in the day before; empty when unknown.
        versions_after: errors by version from the onset on.
        environments: where the errors are; empty when unknown.
    """

    at: datetime
    resolution: timedelta
    is_up: bool
    is_birth: bool = False
    versions_before: Mapping[str, int] = field(default_factory=dict)
    versions_after: Mapping[str, int] = field(default_factory=dict)
    environments: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A change that may explain an onset.

    Attributes:
        change: which.
        score: 0..1, how probable it is among all changes and none.
        delay: from the change to the onset, >= -resolution.
        version_share: share of the errors since the onset that carry its version; None when nothing is known.
        reason: why, for a person.
    """

    change: Change
    score: float
    delay: timedelta
    version_share: float | None
    reason: str


def suspect_change(onset: Onset, changes: Sequence[Change]) -> Suspect | None:
    """Return the change that most probably explains an onset, None when rather none does."""
    ranked = rank_changes(onset, changes)
    return ranked[0] if ranked and ranked[0].score >= 0.5 else None


def rank_changes(onset: Onset, changes: Sequence[Change]) -> tuple[Suspect, ...]:
    """Return the changes that may explain an onset, most probable first.

    Each change weighs kind x time x version x place. Time: 1 within the resolution, then exp(-delay / 2
    h); nothing after the onset or more than a day before it. Version, when both sides know one: a birth or
    rise of which the share s carries the version weighs s, four times that when the version was not seen
    in the pattern before; a decline weighs by the share of errors before it that carried another version.
    Score = weight / (sum of weights + 0.15).
    """
    weighed = [(_weight(onset, change), change) for change in changes]
    total = NO_CHANGE + sum(weight for weight, _ in weighed)
    found = [_suspect(onset, change, weight / total) for weight, change in weighed if weight > 0]
    return tuple(
        sorted(found, key=lambda one: (-one.score, abs(one.delay), one.change.version, one.change.kind))
    )


def _weight(onset: Onset, change: Change) -> float:
    delay = onset.at - change.at
    if delay < -onset.resolution or delay > REACH:
        return 0.0
    late = max(timedelta(), delay - onset.resolution)
    weight = PRIOR.get(change.kind, _OTHER_PRIOR) * math.exp(-late / FADES_IN)
    if change.environment and onset.environments and change.environment not in onset.environments:
        return 0.0
    return weight * _version_weight(onset, change)


def _version_weight(onset: Onset, change: Change) -> float:
    share = _share(onset.versions_after, change.version)
    if share is None:
        return 1.0
    if onset.is_up:
        is_first = change.version not in onset.versions_before and (
            onset.is_birth or bool(onset.versions_before)
        )
        return max(share, _FEW) * (_FIRST_VERSION if is_first and share >= 0.5 else 1.0)
    before = _share(onset.versions_before, change.version)
    return 1.0 if before is None else max(1.0 - before, _FEW)


def _share(counts: Mapping[str, int], version: str) -> float | None:
    total = sum(counts.values())
    return counts.get(version, 0) / total if version and total else None


def _suspect(onset: Onset, change: Change, score: float) -> Suspect:
    delay = onset.at - change.at
    share = _share(onset.versions_after, change.version)
    name = f"{change.kind} {change.version}".strip()
    parts = [f"{_span(delay)} after {name}" if delay >= timedelta() else f"with {name}"]
    if share is not None and onset.is_up:
        parts.append(f"{100 * share:.0f} % of the errors since then are of {change.version}")
        if change.version not in onset.versions_before and share >= 0.5:
            parts.append("it was never seen in this pattern before")
    return Suspect(change=change, score=score, delay=delay, version_share=share, reason="; ".join(parts))


def _span(delay: timedelta) -> str:
    minutes = round(delay / timedelta(minutes=1))
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return f"{minutes} minute{'s' * (minutes != 1)}"
    return f"{round(minutes / 60)} hours"
