"""States of patterns of which the analysis has no rate: younger than the hour, or left out of the month."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from error_manager.analysis.pattern_state import PatternTrend, next_state
from error_manager.core.types import PatternId, PatternStatus, Severity
from error_manager.flows.state_watch import _unknown
from error_manager.storage.analysis_source import PatternFact

NOW = datetime(2026, 3, 8, 12, tzinfo=UTC)


def fact(*, days):
    """Return a pattern with its first error two months ago, the last so many days ago."""
    return PatternFact(
        id=PatternId(1), title="", message="", culprit="", module="", error_code="", severity=Severity.ERROR,
        platform="", status=PatternStatus.UNRESOLVED, first_seen=NOW - timedelta(days=60),
        last_seen=NOW - timedelta(days=days), resolved_at=None, regressed_at=None, first_release="", users=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("days", "state"), [(0, PatternTrend.ONGOING), (5, PatternTrend.ONGOING), (25, PatternTrend.SILENT)]
)
def test_a_pattern_that_was_left_out_is_silent_after_two_weeks(days, state):
    """Its pauses are not known, so a shorter one says nothing."""
    assert next_state(None, _unknown(fact(days=days), NOW, is_collected=True), NOW).state is state
