"""Incidents from their first alert to their end: one alert each (seed box: Anomaly Detector). Pure.

An incident is over when its minutes are more probable at the old level than at half its size, by a sequential
test; it ended where that test began to speak for the old level, and its figures are of the time until then.
What lasts becomes the new level and is not told again.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from error_manager.analysis.anomaly_alert import Alert, Kind
from error_manager.analysis.anomaly_level import DAY_MINUTES, Minute, is_settled, take_level, take_silence
from error_manager.analysis.anomaly_state import LEVEL_HOURS, ROUTINE_SLOTS, SeriesState
from error_manager.analysis.anomaly_tail import band, score
from error_manager.analysis.anomaly_watch import (
    DOWN_RATIO,
    SILENCE_AGE_MINUTES,
    UP_RATIO,
    Found,
    forget_windows,
)

Bools = NDArray[np.bool_]
Places = NDArray[np.int64]

KINDS: Final = (None, Kind.BURST, Kind.STEP, Kind.BIRTH, Kind.SILENCE, Kind.GROWTH)
CODES: Final = {kind: code for code, kind in enumerate(KINDS) if kind is not None}

OVER_NATS: Final = 5.3
"""Log likelihood ratio for "back to normal" against "goes on": 200 to 1."""
OVER_MINUTES: Final = 3.0
"""No fewer minutes than these make that: one quiet minute does not end a burst."""
ACCEPT_MINUTES: Final = 240
"""After so long a change is the new level."""
ROUTINE_TIMES: Final = 1.4
"""Two bursts within 20 minutes of the same time of day on the days before make the next one routine."""
STEPPED_MINUTES: Final = 720
GROWN_RATIO: Final = 2.5
"""So long after a rise became the level a further one below this ratio belongs to it."""
_RECENT_HALF_LIFE_MINUTES: Final = 30.0
_SILENCE_MINUTES: Final = 7 * 1440
_SILENT_SHARE: Final = 0.05
"""A fall to less than this share of what is expected is a silence ..."""
_SILENT_EVENTS: Final = 5.0
"""... once so many events were expected lately. One that was told becomes the level after a week."""


def open_incidents(
    state: SeriesState, kind: Kind, where: Bools, found: Found, minute: Minute, *, limit: float, told: Bools
) -> list[Alert]:
    """Open an incident for the series in ``where``; return the alerts of those in ``told``."""
    alerts = []
    for place in np.flatnonzero(where):
        window = int(found.minutes[place])
        state["kind"][place] = CODES[kind]
        state["started"][place] = minute.at - window + 1
        state["detected"][place] = minute.at
        state["observed"][place] = state["recent_observed"][place] = found.observed[place]
        state["expected"][place] = state["recent_expected"][place] = found.expected[place]
        state["ratio"][place] = found.ratio[place]
        state["sigmas"][place] = found.sigmas[place]
        state["calm"][place] = 0.0
        _note_evidence(state, place, minute.at)
        is_usual = kind is Kind.BURST and (
            _is_routine(state, int(place), minute) or _is_growth(state, int(place), minute)
        )
        state["is_told"][place] = bool(told[place]) and not is_usual
        if not state["is_told"][place] and found.ratio[place] < 1.0:
            state["levels"][minute.at // 60 % LEVEL_HOURS, place] = 0.0  # what returns may do so in steps
        if state["is_told"][place]:
            state["alarms"][place] += 1.0
            alerts.append(
                _alert(state, int(place), limit=limit, size=float(found.size[place]), window=window)
            )
    return alerts


def _is_routine(state: SeriesState, place: int, minute: Minute) -> bool:
    """Return whether bursts at this time of day are usual, and remember this one."""
    slot = minute.of_day * ROUTINE_SLOTS // DAY_MINUTES
    near = np.arange(slot - 1, slot + 2) % ROUTINE_SLOTS
    usual = float(state["routine"][near, place].sum())
    state["routine"][slot, place] += 1.0
    return usual >= ROUTINE_TIMES


def _is_growth(state: SeriesState, place: int, minute: Minute) -> bool:
    """Return whether a burst is the next stretch of a rise that was told: growing, or a step not long ago."""
    lately = minute.at - state["stepped"][place] < STEPPED_MINUTES
    has_grown = minute.at - state["growth_over"][place] < DAY_MINUTES or not np.isnan(state["growth"][place])
    return bool((lately or has_grown) and state["ratio"][place] < GROWN_RATIO)


def go_on(state: SeriesState, minute: Minute, limit: float) -> list[Alert]:
    """Follow the open incidents by a minute; return those that are over."""
    is_open = state["kind"] > 0
    if not is_open.any():
        return []
    past = is_open & (state["detected"] < minute.at) & minute.seen
    keep = np.exp2(-1.0 / _RECENT_HALF_LIFE_MINUTES)
    for total, recent, new in (
        ("observed", "recent_observed", minute.counts),
        ("expected", "recent_expected", minute.low),
    ):
        state[total][:] += np.where(past, new, 0.0)
        np.copyto(state[recent], state[recent] * keep + new, where=past)
    _weigh(state, minute, past)
    _note_evidence(state, np.flatnonzero(past & (state["calm"] == 0.0)), minute.at)
    birth = state["kind"] == CODES[Kind.BIRTH]
    age = minute.at - state["started"]
    over = np.where(birth, is_settled(state, minute.at), state["calm"] >= OVER_NATS) & is_open
    fell = (state["kind"] == CODES[Kind.STEP]) & (state["ratio"] < 1.0)
    fell &= state["recent_observed"] < _SILENT_SHARE * state["recent_expected"]
    np.copyto(state["kind"], CODES[Kind.SILENCE], where=fell & (state["recent_expected"] >= _SILENT_EVENTS))
    silence = state["kind"] == CODES[Kind.SILENCE]
    lasting = is_open & ~birth & ~over
    is_long = silence & (state["is_told"] != 0)
    lasting &= np.where(is_long, age >= _SILENCE_MINUTES, minute.at - state["detected"] >= ACCEPT_MINUTES)
    is_gone = silence & (is_long | (minute.at - state["born"] < SILENCE_AGE_MINUTES))
    _accept(state, np.flatnonzero(lasting & ~is_gone), minute.at)
    take_silence(state, np.flatnonzero(lasting & is_gone))
    faded = np.flatnonzero(over & ~birth)
    state["observed"][faded] = state["evident_observed"][faded]
    state["expected"][faded] = state["evident_expected"][faded]
    ended = np.where(over & ~birth, state["evident_at"], minute.at) + 1
    return _close(state, np.flatnonzero(over | lasting), minute, limit=limit, ended=ended)


def _note_evidence(state: SeriesState, places: Places | np.intp, minute: int) -> None:
    """Remember the incident as it is: this minute spoke for it."""
    state["evident_at"][places] = minute
    state["evident_observed"][places] = state["observed"][places]
    state["evident_expected"][places] = state["expected"][places]


def _weigh(state: SeriesState, minute: Minute, past: Bools) -> None:
    """Sum the evidence that it is over; it cannot fall below none."""
    ratio = state["ratio"]
    other = np.where(ratio > 1.0, np.maximum(UP_RATIO, 0.5 * ratio), np.clip(2.0 * ratio, 0.1, DOWN_RATIO))
    size = 1.0 / (minute.scatter + minute.doubt)
    mean = np.maximum(minute.low, 1e-9)
    changed = mean * other
    nats = minute.counts * np.log(mean * (size + changed) / (changed * (size + mean)))
    nats += size * np.log((size + changed) / (size + mean))
    np.copyto(
        state["calm"], np.maximum(state["calm"] + np.minimum(nats, OVER_NATS / OVER_MINUTES), 0.0), where=past
    )


def _accept(state: SeriesState, places: Places, minute: int) -> None:
    if not len(places):
        return
    events = state["recent_observed"][places]
    ratios = (events + 0.5) / (state["recent_expected"][places] + 0.5)
    state["stepped"][places] = np.where(ratios > 1.0, float(minute), -np.inf)
    take_level(state, places, ratios, state["observed"][places])
    state["kind"][places] = CODES[Kind.STEP]


def _close(
    state: SeriesState, places: Places, minute: Minute, *, limit: float, ended: NDArray[np.float64]
) -> list[Alert]:
    alerts = []
    for place in places:
        last = int(ended[place])
        window = max(1, last - int(state["started"][place]))
        size = 1.0 / float(minute.doubt[place])
        if state["is_told"][place]:
            alerts.append(_alert(state, int(place), limit=limit, size=size, window=window, ended=last))
    forget_windows(state, places, minute.at)
    state["kind"][places] = 0
    state["quiet"][places] = 0.0
    state["deploy_told"][places] = True
    return alerts


def _alert(
    state: SeriesState, place: int, *, limit: float, size: float, window: int, ended: int | None = None
) -> Alert:
    kind = KINDS[int(state["kind"][place])]
    if kind is None:
        raise ValueError("no open incident")
    observed, expected = float(state["observed"][place]), float(state["expected"][place])
    lower, upper = band(np.array([expected]), np.array([size]), limit)
    return Alert(
        key=state.keys[place],
        kind=kind,
        started_s=float(state["started"][place]) * 60.0,
        detected_s=float(state["detected"][place]) * 60.0,
        observed=observed,
        expected=expected,
        lower=float(lower[0]),
        upper=float(upper[0]),
        ratio=observed / max(expected, 1e-9),
        score=score(float(state["sigmas"][place])),
        window_minutes=window,
        ended_s=None if ended is None else ended * 60.0,
    )
