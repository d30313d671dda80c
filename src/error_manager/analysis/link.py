"""A known relation between two patterns, as the search for causes takes it (seed box: Correlation Engine)."""

from __future__ import annotations

from dataclasses import dataclass

Scope = tuple[str, str]
"""What a series counts: kind (pattern, module, project, severity) and key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One pattern is known to be followed by another.

    Attributes:
        cause: the pattern that comes first.
        effect: the pattern that follows.
        score: how sure the relation is, 0..1.
        lag_s: median time between them, >= 0.
        spread_s: half the width within which most gaps lie, >= 0.
    """

    cause: Scope
    effect: Scope
    score: float
    lag_s: float
    spread_s: float
