"""Slow growth over a day, which no window of minutes shows (seed box: Anomaly Detector). Pure.

Once an hour the last four quarters of a day are compared with each other and with the week before them: a
leak rises from quarter to quarter, a step rises once.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from error_manager.analysis.anomaly_alert import Alert, Kind
from error_manager.analysis.anomaly_level import DAY_MINUTES, SLOT_MINUTES, Minute, scatters, weekday_of
from error_manager.analysis.anomaly_season import DAYS, SLOTS, WEEK
from error_manager.analysis.anomaly_state import SeriesState
from error_manager.analysis.anomaly_tail import band, deviation, score

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

GROWTH_RATIO: Final = 2.0
"""The newest quarter day against the week before yesterday's ..."""
QUARTER_RATIO: Final = 1.1
"""... and each quarter against the one before it; 4 % an hour make 1.27."""
_OVER_RATIO: Final = 1.1
"""Growth is over when a whole day brought less than this."""
AGAIN_MINUTES: Final = DAY_MINUTES
"""Growth within a day of a rise that was told, or of other growth, belongs to it."""
_QUARTER: Final = 12
_QUARTERS: Final = 4
_AGE_MINUTES: Final = 3 * DAY_MINUTES


def follow_growth(state: SeriesState, minute: Minute, offset: int, limits: Floats) -> list[Alert]:
    """Return the series that began to grow, and those that do no longer. To be called at full hours.

    Args:
        state: all series, before the minute is taken in.
        minute: the minute that begins the hour.
        offset: of local midnight, minutes.
        limits: deviation that is told, per series.
    """
    counts, means, past_count, past_mean = _quarters(state, minute, offset)
    level = counts / np.maximum(means, 1e-9)
    past = (past_count + 0.5) / np.maximum(past_mean, 1.0)
    expected = np.maximum(past * means[-1], 1e-9)
    doubt = state["slack"] + 1.0 / (past_count + 0.5) + scatters(state) / (_QUARTER * SLOT_MINUTES)
    sigmas = deviation(counts[-1], expected, 1.0 / doubt)
    known = (minute.at - state["born"] >= _AGE_MINUTES) & (means.min(axis=0) > 0)
    rises = (
        (counts > 0).all(axis=0)
        & (level[1:] >= QUARTER_RATIO * level[:-1]).all(axis=0)
        & (level[-1] >= GROWTH_RATIO * past)
    )
    is_on = ~np.isnan(state["growth"])
    begins = known & rises & (sigmas >= limits) & ~is_on & (state["kind"] == 0)
    ends = is_on & (level[-1] < _OVER_RATIO * level[0]) & known
    before = np.maximum(state["stepped"], state["growth_over"])
    np.copyto(state["growth_told"], minute.at - before >= AGAIN_MINUTES, where=begins, casting="unsafe")
    alerts = []
    for place in np.flatnonzero((begins | ends) & (state["growth_told"] != 0)):
        started = minute.at - DAY_MINUTES if begins[place] else int(state["growth"][place])
        lower, upper = band(expected[place : place + 1], 1.0 / doubt[place : place + 1], float(limits[place]))
        alerts.append(
            Alert(
                key=state.keys[place],
                kind=Kind.GROWTH,
                started_s=started * 60.0,
                detected_s=(minute.at if begins[place] else started + DAY_MINUTES) * 60.0,
                observed=float(counts[-1][place]),
                expected=float(expected[place]),
                lower=float(lower[0]),
                upper=float(upper[0]),
                ratio=float(counts[-1][place] / expected[place]),
                score=score(float(sigmas[place])),
                window_minutes=_QUARTER * SLOT_MINUTES,
                ended_s=None if begins[place] else minute.at * 60.0,
            )
        )
    np.copyto(state["growth"], float(minute.at - DAY_MINUTES), where=begins)
    np.copyto(state["growth"], np.nan, where=ends)
    np.copyto(state["growth_over"], float(minute.at), where=ends)
    return alerts


def _quarters(state: SeriesState, minute: Minute, offset: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Return events and season minutes of the last four quarters (4, n), and of the week before them (n,)."""
    last = (minute.at + offset) // SLOT_MINUTES
    slots = np.arange(last - SLOTS - WEEK * SLOTS, last)
    weekdays = np.array([weekday_of(int(day)) for day in slots // SLOTS])
    factor = np.exp(state["slots"][slots % SLOTS] + state["weekdays"][weekdays])
    counts = state["history"][slots % (DAYS * SLOTS)].astype(np.float64)
    means = state["minutes"][slots % (DAYS * SLOTS)] * factor.astype(np.float64)
    day = slice(len(slots) - SLOTS, None)
    shape = (_QUARTERS, _QUARTER, counts.shape[1])
    return (
        counts[day].reshape(shape).sum(axis=1),
        means[day].reshape(shape).sum(axis=1),
        counts[: len(slots) - SLOTS].sum(axis=0),
        means[: len(slots) - SLOTS].sum(axis=0),
    )
