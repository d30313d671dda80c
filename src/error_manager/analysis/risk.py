"""How much a pattern matters, 0 to 100, and why (seed box: Recommendation Engine). Pure.

The score is a sum of named factors: what stands on the page adds up to it. Each factor is bounded, smooth and
monotone in what it looks at; formulas and points are documented in docs/guides/risk.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from error_manager.core.types import Severity

SEVERITY_POINTS: Final[Mapping[Severity, float]] = MappingProxyType(
    {
        Severity.DEBUG: 0.0,
        Severity.INFO: 2.0,
        Severity.WARNING: 5.0,
        Severity.ERROR: 14.0,
        Severity.CRITICAL: 22.0,
        Severity.FATAL: 28.0,
    }
)
RATE_POINTS: Final = 12.0
GROWTH_POINTS: Final = 8.0
VOLUME_POINTS: Final = 10.0
USER_SHARE_POINTS: Final = 8.0
USER_COUNT_POINTS: Final = 8.0
SPREAD_POINTS: Final = 6.0
NOVELTY_POINTS: Final = 12.0
REGRESSION_POINTS: Final = 10.0
UNHANDLED_POINTS: Final = 8.0
CAUSE_POINTS: Final = 12.0
"""Most points that each factor can bring; rate and growth can take some too."""
BUSINESS_SHARE: Final = 0.2
"""Each doubling of the business weight adds this share of all other points, each halving takes it."""
NOVELTY_HALF_LIFE_DAYS: Final = 7.0
REGRESSION_HALF_LIFE_DAYS: Final = 7.0
FEW_USERS: Final = 100.0
"""So many users give half of the points of their share."""
PRIOR_ERRORS: Final = 5.0
"""Errors as expected that a rate is mixed with: three errors instead of one prove little."""
TOP: Final = 100.0
LEAST_WEIGHT: Final = 0.25
MOST_WEIGHT: Final = 4.0
BUSINESS: Final = "business"
LIMIT: Final = "limit"
WEIGHED: Final = frozenset({BUSINESS, LIMIT})
"""The factors that follow from the points of all others and the business weight."""
_TOLD: Final = 0.5
"""Factors that bring less than half a point are not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskFacts:
    """What the score looks at.

    Attributes:
        severity: the worst of the pattern's newest errors.
        rate_ratio: rate over what is usual, >= 0, of ``steady_ratio`` so that few errors do not jump.
        growth_log2_per_week: doublings per week that are sure (0 when the trend is not), any sign.
        errors_per_day: mean of the last days, >= 0.
        users: people met in the window, >= 0.
        user_share: of all users of the project in the window, 0..1; 0 when unknown.
        modules, hosts: how many it comes from, >= 0.
        age_days: since its first error, >= 0.
        regressed_days: since it came back after it was resolved; None when it did not.
        unhandled_share: of its errors that nothing caught, 0..1.
        causes: sum of the scores (0..1) of the relations in which it comes first, >= 0.
        business_weight: what a person set: 0.25 (does not matter) .. 1 .. 4 (is our business).
    """

    severity: Severity
    rate_ratio: float = 1.0
    growth_log2_per_week: float = 0.0
    errors_per_day: float = 0.0
    users: int = 0
    user_share: float = 0.0
    modules: int = 1
    hosts: int = 1
    age_days: float = 365.0
    regressed_days: float | None = None
    unhandled_share: float = 0.0
    causes: float = 0.0
    business_weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One reason: ``points`` it adds (or takes), the ``value`` it comes from, and ``text`` for a person."""

    name: str
    points: float
    value: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskScore:
    """``value`` 0..100 is the sum of the points of ``factors``, most points first."""

    value: float
    factors: tuple[Factor, ...]

    @property
    def why(self) -> tuple[str, ...]:
        """Return the factors that matter as short texts: ``+28 fatal severity``."""
        return tuple(factor.text for factor in self.factors if abs(factor.points) >= _TOLD)


def risk(facts: RiskFacts) -> RiskScore:
    """Return how much a pattern matters.

    The sum of the factors, cut at 0 and 100; where it is cut, a factor ``limit`` says by how much, so that
    the points always add up to the value. More of anything (less for ``age_days`` and ``regressed_days``)
    never lowers it.
    """
    factors = [
        _severity(facts),
        _rate(facts),
        _growth(facts),
        _volume(facts),
        _users(facts),
        _spread(facts),
        _novelty(facts),
        _regression(facts),
        _unhandled(facts),
        _causes(facts),
    ]
    value, weighed = reweighted({factor.name: factor.points for factor in factors}, facts.business_weight)
    factors += weighed
    factors.sort(key=lambda factor: -abs(factor.points))
    return RiskScore(value=value, factors=tuple(factors))


def reweighted(points: Mapping[str, float], weight: float) -> tuple[float, tuple[Factor, ...]]:
    """Return the score under another business weight, and the factors that take the place of ``WEIGHED``.

    Args:
        points: of the factors of a score, by name; what those of ``WEIGHED`` were makes no difference.
        weight: the effective one, cut to 0.25 .. 4.

    Returns:
        The value 0..100, and the factors ``business`` and, where the sum is cut, ``limit``: the same as if
        the risk were computed anew.
    """
    others = [value for name, value in points.items() if name not in WEIGHED]
    business = _business(weight, math.fsum(others))
    total = math.fsum([*others, business.points])
    value = min(max(total, 0.0), TOP)
    if value == total:
        return value, (business,)
    bound = "more than 100 counts as 100" if total > value else "less than 0 counts as 0"
    return value, (business, _factor(LIMIT, value - total, total, bound))


def effective_weight(project: float, pattern: float) -> float:
    """Return the business weight of a pattern in its project: the product of both, cut to 0.25 .. 4."""
    return min(max(project * pattern, LEAST_WEIGHT), MOST_WEIGHT)


def steady_ratio(observed: float, expected: float) -> float:
    """Return observed over expected, both mixed with five errors as expected.

    Args:
        observed: errors of the window, >= 0.
        expected: errors that were usual there, >= 0.
    """
    return (observed + PRIOR_ERRORS) / (expected + PRIOR_ERRORS)


def _factor(name: str, points: float, value: float, text: str) -> Factor:
    return Factor(name=name, points=points, value=value, text=f"{points:+.0f} {text}")


def _saturating(value: float, half: float) -> float:
    """Return 0 at 0, 1/2 at ``half``, towards 1 beyond (logarithmic in between, no cliff)."""
    return value / (value + half)


def _severity(facts: RiskFacts) -> Factor:
    return _factor(
        "severity",
        SEVERITY_POINTS[facts.severity],
        float(facts.severity.rank),
        f"{facts.severity.value} severity",
    )


def _rate(facts: RiskFacts) -> Factor:
    doublings = math.log2(max(facts.rate_ratio, 1e-6))
    most = RATE_POINTS if doublings > 0 else RATE_POINTS / 3.0
    text = f"comes at {_number(facts.rate_ratio)}x its usual rate"
    return _factor("rate", most * math.tanh(doublings / 3.0), facts.rate_ratio, text)


def _growth(facts: RiskFacts) -> Factor:
    doublings = facts.growth_log2_per_week
    most = GROWTH_POINTS if doublings > 0 else GROWTH_POINTS / 2.0
    factor = 2.0 ** min(max(doublings, -20.0), 20.0)
    text = f"grows {_number(factor)}x a week" if doublings >= 0 else f"shrinks to {_number(factor)}x a week"
    return _factor("growth", most * math.tanh(doublings / 2.0), doublings, text)


def _volume(facts: RiskFacts) -> Factor:
    share = min(math.log10(1.0 + facts.errors_per_day) / 5.0, 1.0)
    return _factor(
        "volume", VOLUME_POINTS * share, facts.errors_per_day, f"{_number(facts.errors_per_day)} errors a day"
    )


def _users(facts: RiskFacts) -> Factor:
    # The share of few people says little: half of ten users is no disaster.
    known = _saturating(facts.users, FEW_USERS)
    share = USER_SHARE_POINTS * known * 1.25 * _saturating(facts.user_share, 0.25)
    count = USER_COUNT_POINTS * min(math.log10(1.0 + facts.users) / 5.0, 1.0)
    hits = f"hits {_number(100.0 * facts.user_share)} % of users ({facts.users:,})"
    text = hits if facts.user_share > 0 else f"hits {facts.users:,} users"
    return _factor("users", share + count, float(facts.users), text)


def _spread(facts: RiskFacts) -> Factor:
    more = max(facts.modules - 1, 0) + max(facts.hosts - 1, 0)
    text = f"in {_counted(facts.modules, 'module')} on {_counted(facts.hosts, 'host')}"
    return _factor("spread", SPREAD_POINTS * _saturating(more, 4.0), float(more), text)


def _novelty(facts: RiskFacts) -> Factor:
    points = NOVELTY_POINTS * 0.5 ** (facts.age_days / NOVELTY_HALF_LIFE_DAYS)
    return _factor("novelty", points, facts.age_days, f"new, {_days(facts.age_days)} old")


def _regression(facts: RiskFacts) -> Factor:
    if facts.regressed_days is None:
        return _factor("regression", 0.0, 0.0, "did not come back")
    points = REGRESSION_POINTS * 0.5 ** (facts.regressed_days / REGRESSION_HALF_LIFE_DAYS)
    return _factor("regression", points, facts.regressed_days, f"came back {_days(facts.regressed_days)} ago")


def _unhandled(facts: RiskFacts) -> Factor:
    share = facts.unhandled_share
    return _factor(
        "unhandled", UNHANDLED_POINTS * share, share, f"nothing caught {_number(100.0 * share)} % of it"
    )


def _causes(facts: RiskFacts) -> Factor:
    points = CAUSE_POINTS * _saturating(facts.causes, 1.0)
    return _factor(
        "causes", points, facts.causes, f"other patterns follow it (sum of scores {facts.causes:.2f})"
    )


def _business(weight: float, others: float) -> Factor:
    """Return what the weight makes of all other points: a warning of our main business is still a warning."""
    kept = min(max(weight, LEAST_WEIGHT), MOST_WEIGHT)
    points = BUSINESS_SHARE * math.log2(kept) * max(others, 0.0)
    return _factor(BUSINESS, points, kept, f"business weight {kept:g}")


def _number(value: float) -> str:
    """Return two telling digits below ten, whole numbers with separators above: 3.4, 0.12, 1,240."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _days(days: float) -> str:
    return _counted(round(days * 24.0), "hour") if days < 2.0 else _counted(round(days), "day")
