"""The score adds up, is monotone in each factor, smooth in time, and readable."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.risk import (
    WEIGHED,
    RiskFacts,
    effective_weight,
    reweighted,
    risk,
    steady_ratio,
)
from error_manager.core.types import Severity

facts_of = st.builds(
    RiskFacts,
    severity=st.sampled_from(list(Severity)),
    rate_ratio=st.floats(0, 1e4),
    growth_log2_per_week=st.floats(-20, 20),
    errors_per_day=st.floats(0, 1e7),
    users=st.integers(0, 10**7),
    user_share=st.floats(0, 1),
    modules=st.integers(1, 500),
    hosts=st.integers(1, 500),
    age_days=st.floats(0, 1e4),
    regressed_days=st.none() | st.floats(0, 1e4),
    unhandled_share=st.floats(0, 1),
    causes=st.floats(0, 100),
    business_weight=st.floats(0.25, 4),
)
MORE = {
    "severity": st.sampled_from(list(Severity)),
    "rate_ratio": st.floats(0, 1e4),
    "growth_log2_per_week": st.floats(-20, 20),
    "errors_per_day": st.floats(0, 1e7),
    "users": st.integers(0, 10**7),
    "user_share": st.floats(0, 1),
    "modules": st.integers(1, 500),
    "hosts": st.integers(1, 500),
    "unhandled_share": st.floats(0, 1),
    "causes": st.floats(0, 100),
    "business_weight": st.floats(0.01, 100),
}


@pytest.mark.parametrize("name", MORE)
@given(facts=facts_of, data=st.data())
def test_more_never_lowers_the_score(name, facts, data):
    """All other inputs fixed, a larger value of one gives no smaller score."""
    values = [data.draw(MORE[name]), data.draw(MORE[name])]
    less, more = sorted(values, key=lambda value: value.rank if isinstance(value, Severity) else value)
    assert risk(replace(facts, **{name: more})).value >= risk(replace(facts, **{name: less})).value - 1e-9


@pytest.mark.parametrize("name", ["age_days", "regressed_days"])
@given(facts=facts_of, ages=st.tuples(st.floats(0, 1e4), st.floats(0, 1e4)))
def test_older_never_raises_the_score(name, facts, ages):
    """What is older counts less; and what came back counts at least as much as what did not."""
    young, old = sorted(ages)
    assert risk(replace(facts, **{name: old})).value <= risk(replace(facts, **{name: young})).value + 1e-9
    assert (
        risk(replace(facts, regressed_days=old)).value
        >= risk(replace(facts, regressed_days=None)).value - 1e-9
    )


@given(facts_of)
def test_the_points_add_up(facts):
    """Within 0 and 100, and the factors, the limit included, sum to the value."""
    score = risk(facts)
    assert 0 <= score.value <= 100
    assert math.isclose(math.fsum(factor.points for factor in score.factors), score.value, abs_tol=1e-9)


@given(facts_of, st.floats(0.01, 100))
def test_another_weight_gives_what_computing_anew_does(facts, weight):
    """To the last bit, from the points alone: those that the weight decides are replaced, others stay."""
    points = {factor.name: factor.points for factor in risk(facts).factors}
    value, weighed = reweighted(points, weight)
    anew = risk(replace(facts, business_weight=weight))
    assert value == anew.value
    assert set(weighed) == {factor for factor in anew.factors if factor.name in WEIGHED}


@pytest.mark.parametrize(
    ("project", "pattern", "weight"),
    [(1, 1, 1), (2, 1, 2), (2, 0.5, 1), (4, 2, 4), (0.5, 0.25, 0.25), (0.25, 4, 1)],
)
def test_the_weights_of_project_and_pattern_are_multiplied(project, pattern, weight):
    """And cut to what a single one may be."""
    assert effective_weight(project, pattern) == weight


@given(facts_of, st.floats(0, 1000))
def test_a_day_that_brings_nothing_changes_little(facts, age):
    """Age alone takes at most five points a day (novelty and regression decay without a cliff)."""
    today = replace(facts, age_days=age, regressed_days=None if facts.regressed_days is None else age)
    tomorrow = replace(
        today, age_days=age + 1, regressed_days=None if today.regressed_days is None else age + 1
    )
    assert risk(today).value - risk(tomorrow).value <= 5.0


def test_points_by_hand():
    """Each formula of the guide, computed by hand for one fatal pattern."""
    score = risk(
        RiskFacts(
            severity=Severity.FATAL,
            rate_ratio=8.0,
            growth_log2_per_week=2.0,
            errors_per_day=99.0,
            users=999,
            user_share=0.1,
            modules=3,
            hosts=3,
            age_days=3.0,
            regressed_days=7.0,
            unhandled_share=0.5,
            causes=1.0,
            business_weight=2.0,
        )
    )
    points = {factor.name: round(factor.points, 3) for factor in score.factors}
    assert points == {
        "severity": 28.0,
        "rate": 9.139,  # 12 tanh(1)
        "growth": 6.093,  # 8 tanh(1)
        "volume": 4.0,  # 10 x log10(100) / 5
        "users": 7.397,  # 8 x 1.25 x 0.1 / 0.35 x 999 / 1099 + 8 x log10(1000) / 5
        "spread": 3.0,  # 6 x 4 / 8
        "novelty": 8.916,  # 12 x 0.5^(3 / 7)
        "regression": 5.0,
        "unhandled": 4.0,
        "causes": 6.0,
        "business": 16.309,  # 0.2 x the sum of the others
    }
    assert score.value == pytest.approx(97.854, abs=0.001)


def test_why_is_readable():
    """Short texts, most telling first; what brings less than half a point is left out."""
    score = risk(
        RiskFacts(severity=Severity.FATAL, rate_ratio=3.4, users=340, user_share=0.12, errors_per_day=0)
    )
    assert score.why == (
        "+28 fatal severity",
        "+7 hits 12 % of users (340)",
        "+6 comes at 3.4x its usual rate",
    )


def test_over_the_top_is_said():
    """A sum above 100 is cut, and a factor says so."""
    most = RiskFacts(severity=Severity.FATAL, rate_ratio=1e4, growth_log2_per_week=20, errors_per_day=1e6,
                     users=10**6, user_share=1.0, age_days=0.0, regressed_days=0.0, unhandled_share=1.0,
                     causes=50.0, business_weight=4.0)  # fmt: skip
    score = risk(most)
    assert score.value == 100.0
    assert any(factor.name == "limit" and factor.points < 0 for factor in score.factors)


def test_few_errors_do_not_make_a_ratio():
    """Three instead of one: 8/6; 300 instead of 100: nearly 3."""
    assert steady_ratio(3, 1) == pytest.approx(8 / 6)
    assert steady_ratio(300, 100) == pytest.approx(305 / 105)
