"""The level of each series and what it makes expected of a minute (seed box: Anomaly Detector). Pure.

Level = discounted events / discounted season (a Gamma posterior); it forgets faster the better a series is
measured. Minutes of an open incident teach nothing; a lasting change rescales the past to the new level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from error_manager.analysis import anomaly_season
from error_manager.analysis.anomaly_season import DAYS, SLOTS, WEEK
from error_manager.analysis.anomaly_state import SeriesState

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Places = NDArray[np.int64]

DAY_MINUTES: Final = 1440
_EPOCH_WEEKDAY: Final = 3
SLOT_MINUTES: Final = DAY_MINUTES // SLOTS
_DRIFT_PER_HOUR: Final = 5.5e-4
"""Variance that the log level gains in an hour: what the best half-life is weighed against."""
_HALF_LIFE_HOURS: Final = (4.0, 48.0)
_RETURN: Final = 0.95
"""A rate of this share of the highest level of 32 hours is a return (after a holiday), not news."""
_SCATTER_HALF_LIFE_MINUTES: Final = 3 * DAY_MINUTES
_SCATTER_PRIOR: Final = (1.5, 30.0)
"""Scatter beyond Poisson (relative variance .05) that thirty minutes of data outweigh."""
_LEAST_SCATTER: Final = 0.002
_CLIP_SIGMAS: Final = 5.0
_KNOWN_EVENTS: Final = 20.0
_FORGET_QUIET: Final = 0.95
_FORGET_ALARMS: Final = 0.87
_FORGET_ROUTINE: Final = 0.87
"""Shares that a day leaves: half of the longest silence after two weeks, of what was told after five days."""
_SETTLED_MINUTES: Final = (30, 1440)
"""A level is judged by once it rests on so many events and the first of these, or on the second alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """One minute of all series: what was seen and what was expected, arrays of shape (n,).

    ``season``: factor of this time of day and weekday. ``high`` / ``low``: expected events against which too
    many and too few are judged. ``scatter``: relative variance of one minute beyond Poisson. ``doubt``:
    relative variance of the expectation itself.
    """

    at: int
    of_day: int
    counts: Floats
    seen: Bools
    season: Floats
    high: Floats
    low: Floats
    scatter: Floats
    doubt: Floats


def levels(state: SeriesState) -> Floats:
    """Return the present level of each series, events per minute of an average time."""
    level: Floats = (state["level_events"] + 0.2) / (state["level_season"] + 1.0)
    return level


def scatters(state: SeriesState) -> Floats:
    """Return the relative variance of a minute beyond Poisson."""
    total, weight = _SCATTER_PRIOR
    scatter: Floats = (state["scatter"] + total) / (state["scatter_base"] + weight)
    return scatter.clip(_LEAST_SCATTER, 10.0)


def half_lives(state: SeriesState) -> Floats:
    """Return the half-life of the level in minutes: its noise weighed against its drift.

    Source: steady state of a Kalman filter of a random walk, gain = sqrt(drift / noise).
    """
    noise = (1.0 / np.maximum(levels(state), 1e-6) + scatters(state)) / 60.0
    hours: Floats = np.log(2.0) * np.sqrt(noise / _DRIFT_PER_HOUR)
    return hours.clip(*_HALF_LIFE_HOURS) * 60.0


def season_at(state: SeriesState, minute: int, offset: int) -> tuple[Floats, Floats]:
    """Return the season factor and the variance of its logarithm at a minute, shape (n,) each.

    What today's weekday adds to the variance fades as the level takes in today's minutes.
    """
    of_day = (minute + offset) % DAY_MINUTES
    weekday = weekday_of((minute + offset) // DAY_MINUTES)
    position = (of_day + 0.5) / SLOT_MINUTES - 0.5
    before = int(np.floor(position))
    part = position - before
    slots = state["slots"]
    log = (
        slots[before % SLOTS] * (1.0 - part) + slots[(before + 1) % SLOTS] * part + state["weekdays"][weekday]
    )
    fading = np.exp2(-2.0 * of_day / half_lives(state))
    variance = state["slot_variance"][of_day // SLOT_MINUTES] + state["weekday_variance"][weekday] * fading
    return np.exp(log.astype(np.float64)), variance


def weekday_of(day: int) -> int:
    """Return 0 (Monday) to 6 of a day since the epoch."""
    return (day + _EPOCH_WEEKDAY) % WEEK


def look(state: SeriesState, minute: int, counts: Floats, offset: int) -> Minute:
    """Return what is expected of a minute, beside what was seen."""
    season, variance = season_at(state, minute, offset)
    level = levels(state)
    scatter = scatters(state)
    known = np.maximum(state["level_minutes"], 1.0)
    doubt = variance + 1.0 / (state["level_events"] + 0.5) + scatter / known + state["slack"]
    top = np.maximum(level, _RETURN * state["levels"].max(axis=0))
    seen = ~np.isnan(counts)
    born = ~np.isnan(state["born"])
    return Minute(
        at=minute,
        of_day=(minute + offset) % DAY_MINUTES,
        counts=np.where(seen, counts, 0.0),
        seen=seen,
        season=season,
        high=np.where(seen & born, top * season, 0.0),
        low=np.where(seen & born, level * season, 0.0),
        scatter=scatter,
        doubt=doubt,
    )


def is_settled(state: SeriesState, minute: int) -> Bools:
    """Return which series are known well enough to be judged."""
    age = minute - state["born"]
    enough = (age >= _SETTLED_MINUTES[0]) & (state["level_events"] >= _KNOWN_EVENTS)
    return enough | (age >= _SETTLED_MINUTES[1])


def learn(state: SeriesState, minute: Minute, offset: int, use: Bools, usual: Bools) -> None:
    """Take a minute into level, scatter and history of series in ``use``, of ``usual`` into history."""
    own = use & minute.seen
    mean = minute.low
    spread = np.sqrt(mean + minute.scatter * mean * mean)
    known = state["level_events"] > _KNOWN_EVENTS
    counts = np.where(known, np.minimum(minute.counts, mean + _CLIP_SIGMAS * spread + 1.0), minute.counts)
    keep = np.exp2(-1.0 / half_lives(state))
    _discount(state["level_events"], keep, counts, own)
    _discount(state["level_season"], keep, minute.season, own)
    _discount(state["level_minutes"], keep, np.ones_like(mean), own)
    weight = 1.0 / (1.0 + mean) ** 2
    gap = counts - mean
    steady = np.full_like(mean, np.exp2(-1.0 / _SCATTER_HALF_LIFE_MINUTES))
    _discount(state["scatter"], steady, weight * (gap * gap - mean), own & known)
    _discount(state["scatter_base"], steady, weight * mean * mean, own & known)
    place = ((minute.at + offset) // SLOT_MINUTES) % (DAYS * SLOTS)
    kept = own | (usual & minute.seen)
    state["history"][place] += np.where(kept, minute.counts, 0.0)
    state["minutes"][place] += kept


def _discount(total: Floats, keep: Floats, new: Floats, use: Bools) -> None:
    np.copyto(total, total * keep + new, where=use)


def begin_day(state: SeriesState, minute: int, offset: int) -> None:
    """Forget the day that is 28 days old; its place takes the new one."""
    first = ((minute + offset) // SLOT_MINUTES) % (DAYS * SLOTS)
    state["history"][first : first + SLOTS] = 0.0
    state["minutes"][first : first + SLOTS] = 0.0
    state["longest_quiet"][:] *= _FORGET_QUIET
    state["alarms"][:] *= _FORGET_ALARMS
    state["routine"][:] *= _FORGET_ROUTINE


def begin_hour(state: SeriesState, minute: int) -> None:
    """Remember the level of the hour that begins."""
    hour = (minute // 60) % len(state["levels"])
    state["levels"][hour] = np.where(np.isnan(state["born"]), 0.0, levels(state))


def fill_history(state: SeriesState, places: Places, first_slot: int, counts: Floats) -> None:
    """Put half hours into the history of some series, as if they had been watched: they are no births.

    Args:
        state: all series.
        places: of the series concerned.
        first_slot: half hours from the local epoch to the first of ``counts``.
        counts: events per half hour, shape (len(places), k), NaN = not collected; the newest 28 days count.
    """
    start = max(0, counts.shape[1] - (DAYS - 1) * SLOTS)
    slots = np.arange(first_slot + start, first_slot + counts.shape[1]) % (DAYS * SLOTS)
    newest = counts[:, start:].T
    seen = ~np.isnan(newest)
    state["history"][np.ix_(slots, places)] = np.where(seen, newest, 0.0)
    state["minutes"][np.ix_(slots, places)] = seen * float(SLOT_MINUTES)
    some = np.nan_to_num(counts) > 0
    has = some.any(axis=1)
    state["born"][places[has]] = (first_slot + some.argmax(axis=1)[has]) * SLOT_MINUTES
    state["is_known"][places[has]] = True


def refit(state: SeriesState, places: Places, minute: int, offset: int) -> None:
    """Fit the season of some series anew and read their level off the history with it."""
    day = (minute + offset) // DAY_MINUTES
    order = np.arange(day - DAYS + 1, day + 1)
    shape = (DAYS, SLOTS, len(places))
    counts = state["history"][:, places].reshape(shape)[order % DAYS].transpose(2, 0, 1).astype(np.float64)
    minutes = state["minutes"][:, places].reshape(shape)[order % DAYS].transpose(2, 0, 1).astype(np.float64)
    weekdays = (order + _EPOCH_WEEKDAY) % WEEK
    season = anomaly_season.fit(counts, minutes, scatters(state)[places], weekdays)
    old = levels(state)[places]
    half_life = half_lives(state)[places]
    state["slots"][:, places] = season.slots.T
    state["weekdays"][:, places] = season.weekdays.T
    state["slot_variance"][:, places] = season.slot_variance.T
    state["weekday_variance"][:, places] = season.weekday_variance.T
    state["slack"][places] = season.slack
    ends = (order[:, None] * SLOTS + np.arange(SLOTS) + 1) * SLOT_MINUTES
    age = np.maximum(minute + offset - ends, 0)
    keep = np.exp2(-age[None] / half_life[:, None, None])
    factor = np.exp(season.slots[:, None, :] + season.weekdays[:, weekdays][:, :, None])
    state["level_events"][places] = (keep * counts).sum(axis=(1, 2))
    state["level_season"][places] = (keep * minutes * factor).sum(axis=(1, 2))
    state["level_minutes"][places] = (keep * minutes).sum(axis=(1, 2))
    change = levels(state)[places] / old
    state["levels"][:, places] *= change
    state["deploy_level"][places] *= change


def take_level(state: SeriesState, places: Places, ratios: Floats, events: Floats) -> None:
    """Make a changed level the level: the past is rescaled to it, as known as the events seen since.

    Args:
        state: all series.
        places: of the series concerned.
        ratios: new level / old level.
        events: seen at the new level, >= 0.
    """
    level = levels(state)[places] * ratios
    known = np.minimum(state["level_events"][places], events)
    shrink = known / np.maximum(state["level_events"][places], 1e-9)
    state["level_events"][places] = known
    state["level_season"][places] = np.maximum((known + 0.2) / level - 1.0, 0.0)
    state["level_minutes"][places] *= shrink
    state["minutes"][:, places] /= np.clip(ratios, 0.02, 50.0)
    fell = ratios < 1.0  # after a rise the levels before it are kept: falling back to them is no news
    state["levels"][:, places[fell]] *= ratios[fell]


def recent_rates(state: SeriesState, minute: Minute, offset: int, slots: int) -> Floats:
    """Return events per minute of the last so many half hours, as far as they are known."""
    places = ((minute.at + offset) // SLOT_MINUTES - np.arange(1, slots + 1)) % (DAYS * SLOTS)
    rates: Floats = state["history"][places].sum(axis=0) / np.maximum(
        state["minutes"][places].sum(axis=0), 1.0
    )
    return rates


def take_silence(state: SeriesState, places: Places) -> None:
    """Make none the level: these series are as if nothing had ever come."""
    state["history"][:, places] = 0.0
    state["level_events"][places] = 0.0
    state["levels"][:, places] = levels(state)[places]
