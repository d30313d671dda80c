"""What the anomaly detector tells (seed box: Anomaly Detector). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What happened to a series."""

    BURST = "burst"
    STEP = "step"
    BIRTH = "birth"
    SILENCE = "silence"
    GROWTH = "growth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One incident of one series: told when it is found, and told again with ``ended_s`` when it is over.

    Times are seconds since the epoch. ``observed`` and ``expected`` are events of the ``window_minutes`` that
    gave it away, ``lower`` and ``upper`` the band within which no alert would have been given, ``ratio`` is
    observed / expected, ``score`` 0 to 100 the improbability (``anomaly_tail.score``). When it is over,
    ``observed``, ``expected`` and ``window_minutes`` are those of the whole incident. ``kind`` may have
    become STEP by then: the change lasted and is the new level.
    """

    key: str
    kind: Kind
    started_s: float
    detected_s: float
    observed: float
    expected: float
    lower: float
    upper: float
    ratio: float
    score: float
    window_minutes: int
    ended_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploy:
    """A release went live: steps from then on need less proof; ``group`` None = it concerns all series."""

    at_s: float
    group: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """What was or will be expected of a series per bucket: mean and the limits of 80 %, 95 % and alerting."""

    mean: tuple[float, ...]
    lower80: tuple[float, ...]
    upper80: tuple[float, ...]
    lower95: tuple[float, ...]
    upper95: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
