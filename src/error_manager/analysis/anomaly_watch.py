"""The tests of a minute: too many, too few, none, new since a deploy (seed box: Anomaly Detector). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from error_manager.analysis.anomaly_level import DAY_MINUTES, SLOT_MINUTES, Minute, levels, recent_rates
from error_manager.analysis.anomaly_season import DAYS, SLOTS
from error_manager.analysis.anomaly_state import RING, SeriesState
from error_manager.analysis.anomaly_tail import deviation

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Places = NDArray[np.int64]

UP_MINUTES: Final = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120, 240)
DOWN_MINUTES: Final = (10, 20, 30, 60, 120, 240)
UP_RATIO: Final = 1.4
DOWN_RATIO: Final = 0.7
"""Changes smaller than these are told to nobody, however certain they are."""
_LEAST_EVENTS: Final = 3.0

OFTEN_ALARMS: Final = 4.0
"""From so many alerts in a week or so a series is judged more strictly ..."""
OFTEN_SIGMAS: Final = 0.5
"""... by this for each further one ..."""
MOST_SIGMAS: Final = 4.0
"""... up to this."""

DEPLOY_MINUTES: Final = 240
DEPLOY_SIGMAS: Final = 3.7
"""Deviation since a deploy that is told; deploys are rare, so that this costs few false alerts ..."""
BEFORE_SIGMAS: Final = 2.5
"""... when the minutes before the deploy differ too: on a holiday all of the day is off."""
BEFORE_MINUTES: Final = (20, 60, 240)
BEFORE_EVENTS: Final = 40.0
"""The minutes before it are the shortest of these spans in which so many events came."""

SILENCE_NATS: Final = 11.0
"""-ln of the probability of no event at all, at half the expected rate, that is a silence ..."""
_SILENCE_SHARE: Final = 0.5
_SILENCE_MINUTES: Final = 10.0
_SILENCE_LONGER: Final = 1.5
"""... when it is also this many times as long (in expected events) as any other of the series."""
SILENCE_AGE_MINUTES: Final = 2 * DAY_MINUTES

_YOUNG_MINUTES: Final = 4 * DAY_MINUTES
_USUAL_DAYS: Final = 7
_RETURN_RATIO: Final = 0.5
"""A level was lower when it was below this share of the present one: levels are not known better."""
_JOB_SLOTS: Final = 3
"""A daily job is missed when it is an hour late."""
_GROWN_SLOTS: Final = 12
_GROWN_RATIO: Final = 2.5
_USUAL_SHARE: Final = 0.6
"""A day is alike when it had this share of the excess at the same time."""
_LULL_SIGMAS: Final = 3.0
_LULL_MINUTES: Final = (-45, 90)
"""A fall that begins so near to midnight is the calendar's (holiday): nothing is told that day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The strongest evidence of one kind per series, shape (n,); ``sigmas`` 0 where there is none."""

    sigmas: Floats
    minutes: Places
    observed: Floats
    expected: Floats
    size: Floats

    @property
    def ratio(self) -> Floats:
        """Observed / expected."""
        ratio: Floats = self.observed / np.maximum(self.expected, 1e-12)
        return ratio


def add_minute(state: SeriesState, minute: Minute) -> None:
    """Extend the running totals by a minute."""
    place, before = minute.at % RING, (minute.at - 1) % RING
    born = ~np.isnan(state["born"])
    state["ring_count"][place] = state["ring_count"][before] + np.where(born, minute.counts, 0.0)
    state["ring_high"][place] = state["ring_high"][before] + minute.high
    state["ring_low"][place] = state["ring_low"][before] + minute.low


def forget_windows(state: SeriesState, places: Places, minute: int) -> None:
    """Let windows of these series begin now."""
    for name in ("ring_count", "ring_high", "ring_low"):
        state[name][:, places] = state[name][minute % RING, places]


def too_many(state: SeriesState, minute: Minute) -> Found:
    """Return the window with the most surprising excess."""
    return _windows(state, minute, "ring_high", minute.high, UP_MINUTES, sign=1.0)


def too_few(state: SeriesState, minute: Minute) -> Found:
    """Return the window with the most surprising lack."""
    return _windows(state, minute, "ring_low", minute.low, DOWN_MINUTES, sign=-1.0)


def _windows(
    state: SeriesState, minute: Minute, ring: str, mean: Floats, windows: tuple[int, ...], *, sign: float
) -> Found:
    now = minute.at % RING
    rows = (minute.at - np.array(windows)) % RING
    observed = state["ring_count"][now] - state["ring_count"][rows]
    expected = np.maximum(state[ring][now] - state[ring][rows], 1e-9)
    spans = np.clip(expected / np.maximum(mean, 1e-9), 1.0, np.array(windows)[:, None])
    sizes = 1.0 / (minute.scatter / spans + minute.doubt)
    sigmas = deviation(observed, expected, sizes) * sign
    best = sigmas.argmax(axis=0)
    at = (best, np.arange(len(best)))
    return Found(
        sigmas=np.maximum(sigmas[at], 0.0) * sign,
        minutes=np.array(windows)[best],
        observed=observed[at],
        expected=expected[at],
        size=sizes[at],
    )


def limits(state: SeriesState, limit: float) -> Floats:
    """Return the deviation to tell for each series: higher for one that was told often lately."""
    often = np.maximum(state["alarms"] - OFTEN_ALARMS, 0.0)
    return limit + np.minimum(OFTEN_SIGMAS * often, MOST_SIGMAS)


def is_burst(found: Found, limit: Floats) -> Bools:
    """Return where an excess is one to tell."""
    enough = (found.ratio >= UP_RATIO) & (found.observed >= _LEAST_EVENTS)
    return (found.sigmas >= limit) & enough


def is_usual(state: SeriesState, found: Found, minute: Minute, offset: int) -> Bools:
    """Return where as many came at this time on half of the days before: a job of a young series.

    Young is one that is watched for some days only, however much is known of it. An hour and a half around it
    of each day is compared with what is expected now. Older series have a season and a routine, and days that
    differ in level.
    """
    slot = (minute.at + offset) // SLOT_MINUTES
    often = found.expected / found.minutes
    days, alike = np.zeros(len(often)), np.zeros(len(often))
    for day in range(1, _USUAL_DAYS + 1):
        places = (slot - day * SLOTS + np.arange(-1, 2)) % (DAYS * SLOTS)
        known = state["minutes"][places].sum(axis=0) > SLOT_MINUTES
        more = state["history"][places].sum(axis=0) - often * len(places) * SLOT_MINUTES
        days += known
        alike += known & (more >= _USUAL_SHARE * (found.observed - found.expected))
    young = minute.at - np.maximum(state["born"], state["added"]) < _YOUNG_MINUTES
    return young & (days > 0) & (alike >= 0.5 * days)


def is_grown(state: SeriesState, found: Found, minute: Minute, offset: int) -> Bools:
    """Return where a growing series is where its growth brought it: no burst beside the last six hours."""
    lately = minute.at - state["growth_over"] < DAY_MINUTES
    rates = recent_rates(state, minute, offset, _GROWN_SLOTS)
    return (lately | ~np.isnan(state["growth"])) & (found.observed < _GROWN_RATIO * rates * found.minutes)


def missed_jobs(state: SeriesState, minute: Minute, offset: int) -> Found:
    """Return at each half hour the series without what came at this time on every one of the last seven days.

    Looked at is the half hour that ended an hour ago; nothing has come since it began.
    """
    none = np.zeros(len(state.keys))
    if (minute.at + offset) % SLOT_MINUTES:
        return Found(
            sigmas=none, minutes=none.astype(np.int64), observed=none, expected=none, size=none + 1.0
        )
    first = (minute.at + offset) // SLOT_MINUTES - _JOB_SLOTS
    now = (first + np.arange(_JOB_SLOTS)) % (DAYS * SLOTS)
    before = (first - np.arange(1, _USUAL_DAYS + 1) * SLOTS) % (DAYS * SLOTS)
    is_known = state["minutes"][before].min(axis=0) >= SLOT_MINUTES / 2
    is_known &= state["minutes"][now].min(axis=0) >= SLOT_MINUTES - 1
    fewest = state["history"][before].min(axis=0).astype(np.float64)
    is_missed = is_known & (state["history"][now].sum(axis=0) == 0) & (minute.counts == 0)
    is_missed &= fewest * _SILENCE_SHARE >= SILENCE_NATS
    nats = np.where(is_missed, fewest * _SILENCE_SHARE, 0.0)
    return Found(
        sigmas=-np.sqrt(2.0 * nats),
        minutes=np.full(len(none), _JOB_SLOTS * SLOT_MINUTES),
        observed=none,
        expected=np.maximum(state["history"][before].mean(axis=0).astype(np.float64), 1e-9),
        size=1.0 / minute.doubt,
    )


def is_news(state: SeriesState, found: Found, limit: Floats, minute: Minute) -> Bools:
    """Return where a fall, if it is one, is to be told: not at the end of an incident.

    What is less than two days old has no habits. What falls back to a level of the last 32 hours returns.
    """
    lowest = state["levels"].min(axis=0)
    floor = np.minimum(lowest / np.maximum(levels(state), 1e-12), 1.0)
    floor = np.where(floor < _RETURN_RATIO, floor, 1.0)
    sigmas = deviation(found.observed, np.maximum(floor * found.expected, 1e-9), found.size)
    old = minute.at - state["born"] >= SILENCE_AGE_MINUTES
    return old & (sigmas <= -limit)


def is_fall(state: SeriesState, found: Found, limit: Floats, minute: Minute) -> Bools:
    """Return where a lack is one to tell; falls that begin around midnight are kept for the day."""
    into_day = (minute.of_day - found.minutes + 1) % DAY_MINUTES
    into_day = np.where(into_day > DAY_MINUTES // 2, into_day - DAY_MINUTES, into_day)
    near = (into_day >= _LULL_MINUTES[0]) & (into_day <= _LULL_MINUTES[1])
    lull = near & (found.sigmas <= -_LULL_SIGMAS)
    ends = minute.at - minute.of_day + DAY_MINUTES
    np.copyto(state["lull_until"], float(ends), where=lull)
    low = (found.sigmas <= -limit) & (found.ratio <= DOWN_RATIO)
    return low & (state["lull_until"] <= minute.at)


def since_deploy(state: SeriesState, minute: Minute) -> Found:
    """Take a minute into the totals since the newest deploy; return what they show."""
    active = (minute.at - state["deploy_at"] < DEPLOY_MINUTES) & (state["kind"] == 0)
    state["deploy_count"][:] += np.where(active, minute.counts, 0.0)
    state["deploy_mean"][:] += np.where(active & minute.seen, state["deploy_level"] * minute.season, 0.0)
    expected = np.maximum(state["deploy_mean"], 1e-9)
    spans = np.clip(expected / np.maximum(minute.low, 1e-9), 1.0, DEPLOY_MINUTES)
    sizes = 1.0 / (minute.scatter / spans + minute.doubt)
    sigmas = deviation(state["deploy_count"], expected, sizes)
    before = state["before_count"]
    doubt = 1.0 / (before + 0.5) + minute.scatter * minute.low / np.maximum(state["before_mean"], 1e-9)
    sizes_before = 1.0 / (minute.scatter / spans + doubt + state["slack"])
    likely = expected * (before + 0.5) / (state["before_mean"] + 0.5)
    contrast = deviation(state["deploy_count"], likely, sizes_before)
    least = np.where(state["lull_until"] > minute.at, DEPLOY_SIGMAS, BEFORE_SIGMAS)
    open_for = active & ~state["deploy_told"].astype(bool) & (contrast * np.sign(sigmas) >= least)
    return Found(
        sigmas=np.where(open_for, sigmas, 0.0),
        minutes=spans.astype(np.int64),
        observed=state["deploy_count"].copy(),
        expected=expected,
        size=sizes,
    )


def begin_deploy(state: SeriesState, where: Bools, at: int, now: int, level: Floats) -> None:
    """Start the totals since a deploy, and keep those of the minutes before it."""
    state["deploy_at"][where] = at
    state["deploy_level"][where] = level[where]
    state["deploy_count"][where] = 0.0
    state["deploy_mean"][where] = 0.0
    state["deploy_told"][where] = False
    last = state["ring_count"][(now - 1) % RING], state["ring_low"][(now - 1) % RING]
    short = np.zeros_like(where)
    for span in BEFORE_MINUTES:
        row = (now - 1 - min(span, RING - 2)) % RING
        count, mean = last[0] - state["ring_count"][row], last[1] - state["ring_low"][row]
        np.copyto(state["before_count"], count, where=where & ~short)
        np.copyto(state["before_mean"], mean, where=where & ~short)
        short = short | (count >= BEFORE_EVENTS)


def is_step(found: Found) -> Bools:
    """Return where the change since a deploy is one to tell."""
    many = (found.sigmas >= DEPLOY_SIGMAS) & (found.ratio >= UP_RATIO) & (found.observed >= _LEAST_EVENTS)
    few = (found.sigmas <= -DEPLOY_SIGMAS) & (found.ratio <= DOWN_RATIO)
    return many | few


def is_silence(state: SeriesState, minute: Minute) -> tuple[Bools, Floats]:
    """Count the expected events of the present silence; return where it is one to tell, and the nats."""
    some = minute.counts > 0
    quiet = state["quiet"]
    ended = some & (state["kind"] == 0)
    np.copyto(state["longest_quiet"], np.maximum(state["longest_quiet"], quiet), where=ended)
    np.copyto(quiet, np.where(some, 0.0, quiet + np.where(state["kind"] == 0, minute.low, 0.0)))
    spans = np.maximum(quiet / np.maximum(minute.low, 1e-9), 1.0)
    slack = state["slack"] * (1.0 - 1.0 / np.maximum(spans / SLOT_MINUTES, 1.0))
    size = 1.0 / (minute.scatter / spans + minute.doubt - slack)
    nats = size * np.log1p(_SILENCE_SHARE * quiet / size)
    old = minute.at - state["born"] >= SILENCE_AGE_MINUTES
    longer = (spans >= _SILENCE_MINUTES) & (quiet >= _SILENCE_LONGER * state["longest_quiet"])
    return (nats >= SILENCE_NATS) & longer & old, nats
