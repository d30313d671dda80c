"""The parts put together per pattern: rates, trend, rhythm, changes; and the facts that states take."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from error_manager.analysis.baseline import baseline, departures
from error_manager.analysis.frequency import frequencies, state_facts
from error_manager.analysis.pattern_state import PatternTrend, next_state

START = datetime(2026, 1, 5, tzinfo=UTC)
START_S = START.timestamp()
HOURS = 720
END = START + timedelta(hours=HOURS)


@pytest.fixture
def counts():
    """Three patterns: constant, one that rose on day 20, and one with a gap in collection."""
    hourly = np.full((3, HOURS), 6.0)
    hourly[1, 480:] = 24.0
    hourly[2, 700:] = np.nan
    minutes = np.repeat(hourly[:, -24:] / 60.0, 60, axis=1)
    return hourly, minutes


def known_of(counts):
    """Return what is usual for the counts."""
    return baseline(*counts, start_s=START_S, first_seen_s=np.full(len(counts[0]), START_S))


def test_frequencies(counts):
    """Rates per hour by hand; the step is found at its hour with both levels."""
    found = frequencies(*counts, known_of(counts), start_s=START_S, first_seen_s=np.full(3, START_S))
    constant, risen, gapped = found
    assert (constant.rates.now, constant.rates.last_hour, constant.rates.day) == pytest.approx(
        (6.0, 6.0, 6.0)
    )
    assert constant.rates.expected == pytest.approx(6.0, rel=0.01)
    assert constant.trend.factor == pytest.approx(1.0, abs=0.01)
    assert (constant.changes, constant.rhythm.is_daily, constant.rhythm.is_weekly) == ((), False, False)
    (change,) = risen.changes
    assert change.at == START + timedelta(hours=480)
    assert (change.before, change.after) == pytest.approx((6.0, 24.0), rel=0.05)
    assert risen.trend.factor > 1
    assert risen.trend.lower <= risen.trend.factor <= risen.trend.upper
    assert np.isnan(gapped.rates.last_hour)
    assert gapped.rates.day == pytest.approx(6.0)
    assert gapped.changes == ()


def test_facts_lead_to_states(counts):
    """An hour of ten times the usual rate: it reaches the state of that pattern only."""
    hourly, minutes = counts
    known = known_of(counts)
    minutes = minutes.copy()
    minutes[0, -60:] = 1.0
    seen = np.full(3, END.timestamp() - 1.0)
    found = departures(known, hourly[:, -168:], minutes, end_s=END.timestamp(), last_seen_s=seen)
    facts = state_facts(
        found,
        known,
        first_seen=(START,) * 3,
        last_seen=(END,) * 3,
        resolved_at=(None, None, START),
        returned_at=(None, None, END - timedelta(hours=1)),
        is_collected=True,
    )
    states = [next_state(None, one, END) for one in facts]
    assert [one.state for one in states] == [
        PatternTrend.RISING,
        PatternTrend.ONGOING,
        PatternTrend.REGRESSED,
    ]
    assert states[0].ratio == pytest.approx(60.5 / 6.5, rel=0.02)
    assert states[0].since == END - timedelta(hours=1)
