"""What is found in a log beyond its patterns, as plain values (seed box: Correlation Engine).

Standard library alone: what finds them needs numpy, what shows them does not. Patterns are named by their
ids in the analysis; times are seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StretchKind(StrEnum):
    """How a stretch differs from what is usual for its pattern."""

    BURST = "burst"
    SILENCE = "silence"
    RISE = "rise"
    FALL = "fall"


@dataclass(frozen=True, slots=True, kw_only=True)
class Follows:
    """``effect`` follows ``cause``: ``support`` of ``occasions`` times, ``lag_s`` later (median).

    ``lag_spread_s`` are its quartiles, ``score`` (0..1) says how sure it is, ``base_share`` of the occasions
    would be followed by chance.
    """

    cause: str
    effect: str
    score: float
    lag_s: float
    lag_spread_s: tuple[float, float]
    support: int
    occasions: int
    base_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A time in which a pattern came far more or less often than usual.

    ``per_hour`` is its rate then, ``usual_per_hour`` that of most of the range. ``is_open``: it lasts to the
    end of the range.
    """

    pattern: str
    kind: StretchKind
    start_s: float
    end_s: float
    per_hour: float
    usual_per_hour: float
    gain: float
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to do about a pattern.

    ``family`` is the title of what it was told to be ("" for none), ``why`` says by what. ``action`` and
    ``reason`` are those of the first recommendation, ``checks`` what else to look at. ``is_check``: the
    action is a check of the family, and the family its reason. ``risk`` is 0..100.
    """

    pattern: str
    risk: float
    risk_reasons: tuple[str, ...]
    family: str
    why: str
    action: str
    reason: str
    confidence: float
    is_check: bool
    checks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFindings:
    """Everything found, the most important first; ``note`` says what could not be looked for, and why."""

    follows: tuple[Follows, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    advice: tuple[Advice, ...] = ()
    note: str = ""
