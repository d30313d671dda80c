"""A stored risk under another business weight is the risk that would be stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.analysis.test_risk import facts_of

from error_manager.analysis.risk import RiskFacts, risk
from error_manager.core.types import PatternId, ProjectId
from error_manager.storage.findings import PatternAnalysis, reweighted_analysis, risk_factors


def stored(facts: RiskFacts) -> PatternAnalysis:
    """Return what the hour keeps of a pattern."""
    score = risk(facts)
    return PatternAnalysis(
        project_id=ProjectId(1),
        pattern_id=PatternId(2),
        updated_at=datetime(2026, 5, 4, tzinfo=UTC),
        state="rising",
        risk=score.value,
        risk_factors=risk_factors(score.factors),
    )


@given(facts_of, st.floats(0.25, 4), st.floats(0.25, 4))
def test_a_stored_risk_follows_every_weight(facts, first, second):
    """Value, factors, their words and order; one weight after the other as the last alone."""
    once = reweighted_analysis(stored(facts), first)
    assert once == stored(replace(facts, business_weight=first))
    assert reweighted_analysis(once, second) == stored(replace(facts, business_weight=second))


def test_without_a_risk_there_is_nothing_to_weigh():
    """A pattern whose risk was not told yet stays as it is."""
    known = PatternAnalysis(
        project_id=ProjectId(1), pattern_id=PatternId(2), updated_at=datetime(2026, 5, 4, tzinfo=UTC)
    )
    assert reweighted_analysis(known, 4.0) == known
