"""How often patterns come, how that moves, and what state it puts them in (seed box: Frequency Analyzer).

The parts are modules of their own: ``season`` (rhythm), ``trend``, ``burstiness``, ``change_points``,
``baseline`` (what is usual and how far from it) and ``pattern_state`` (states). This one puts them together,
pattern by pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from error_manager.analysis.baseline import HOUR_S, MINUTE_S, Baseline, Departures, expected_rate
from error_manager.analysis.burstiness import Burstiness, burstiness, times_of
from error_manager.analysis.change_point import ChangePoint, change_points
from error_manager.analysis.pattern_state import Departure, Facts
from error_manager.analysis.season import Seasons, hour_of_week, seasons
from error_manager.analysis.trend import Trends, trends
from error_manager.analysis.week import DAY_HOURS

Array = NDArray[np.float64]

NOW_MIN: Final = 15
STRONG_P: Final = 0.001
"""A rhythm is told when chance makes one as strong once in a thousand patterns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Errors per hour: of the last quarter, hour and day (NaN = nothing of it was collected), and usually."""

    now: float
    last_hour: float
    day: float
    expected: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """How a rate moves: ``factor`` per week with its 95 % interval.

    ``confidence`` (0..1) says how sure it is that the rate moves at all. ``safe_log2`` is the doublings per
    week that are sure to 80 %, 0 when none are: what the risk score takes.
    """

    factor: float
    lower: float
    upper: float
    confidence: float
    safe_log2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """Strength (0..1) of the daily and the weekly rhythm, and whether each is more than chance."""

    daily: float
    weekly: float
    is_daily: bool
    is_weekly: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelChange:
    """A change of level: when, and errors per hour before and after."""

    at: datetime
    before: float
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Frequency:
    """What a month of a pattern says; ``burstiness`` is None with fewer than five errors in the minutes."""

    rates: Rates
    trend: Trend
    rhythm: Rhythm
    burstiness: Burstiness | None
    changes: tuple[LevelChange, ...]


def frequencies(
    hourly: Array, minutes: Array, known: Baseline, *, start_s: float, first_seen_s: Array
) -> tuple[Frequency, ...]:
    """Return how often patterns come and how that moves.

    Args:
        hourly: shape (n, h), closed hours, oldest first, NaN = not collected; 30 days.
        minutes: shape (n, m), closed minutes up to the end of ``hourly``, m >= 60; a day.
        known: of ``baseline`` for the same counts.
        start_s: start of the first hour, seconds since the epoch.
        first_seen_s: first error of each pattern; hours before do not count, shape (n,).
    """
    hours = hourly.shape[1]
    starts = start_s + HOUR_S * np.arange(hours)
    alive = np.where(starts[None, :] + HOUR_S > first_seen_s[:, None], hourly, np.nan)
    rhythm = seasons(alive, start_s)
    exposure = rhythm.profile[:, hour_of_week(start_s, hours)]
    trend = _daily_trends(alive, exposure)
    safe = trend.conservative()
    changes = change_points(alive, exposure)
    end_s = start_s + HOUR_S * hours
    rates = _rates(hourly, minutes, expected_rate(known, end_s - 1.0))
    first_minute = end_s - MINUTE_S * minutes.shape[1]
    return tuple(
        Frequency(
            rates=Rates(
                now=float(rates[0][row]),
                last_hour=float(rates[1][row]),
                day=float(rates[2][row]),
                expected=float(rates[3][row]),
            ),
            trend=_trend(trend, safe, row),
            rhythm=_rhythm(rhythm, row),
            burstiness=burstiness(times_of(minutes[row], first_minute, MINUTE_S)),
            changes=tuple(_level_change(change, start_s) for change in changes[row]),
        )
        for row in range(len(hourly))
    )


def state_facts(
    found: Departures,
    known: Baseline,
    *,
    first_seen: tuple[datetime, ...],
    last_seen: tuple[datetime, ...],
    resolved_at: tuple[datetime | None, ...],
    returned_at: tuple[datetime | None, ...],
    is_collected: bool,
) -> tuple[Facts, ...]:
    """Return what ``next_state`` takes, per pattern.

    Args:
        found: of ``departures``.
        known: of ``baseline``.
        first_seen: of each pattern.
        last_seen: of each pattern.
        resolved_at: when somebody resolved it last.
        returned_at: its first error after that.
        is_collected: whether errors are being collected now.
    """
    columns = zip(
        found.rise_ratio.tolist(),
        found.rise_surprise.tolist(),
        found.rise_since_s.tolist(),
        found.fall_ratio.tolist(),
        found.fall_surprise.tolist(),
        found.fall_since_s.tolist(),
        found.silence_surprise.tolist(),
        found.quiet_h.tolist(),
        known.pause_h.tolist(),
        known.pauses.tolist(),
        strict=True,
    )
    return tuple(
        Facts(
            first_seen=first_seen[row],
            last_seen=last_seen[row],
            resolved_at=resolved_at[row],
            returned_at=returned_at[row],
            rise=Departure(ratio=rise, surprise=rise_surprise, since=_moment(rise_since)),
            fall=Departure(ratio=fall, surprise=fall_surprise, since=_moment(fall_since)),
            silence=Departure(ratio=0.0, surprise=silence, since=last_seen[row]),
            quiet=timedelta(hours=quiet),
            longest_pause=timedelta(hours=pause),
            pauses=int(pauses),
            is_collected=is_collected,
        )
        for row, (
            rise,
            rise_surprise,
            rise_since,
            fall,
            fall_surprise,
            fall_since,
            silence,
            quiet,
            pause,
            pauses,
        ) in enumerate(columns)
    )


def _rates(hourly: Array, minutes: Array, expected: Array) -> tuple[Array, Array, Array, Array]:
    return (
        _per_hour(minutes[:, -NOW_MIN:], 60.0),
        _per_hour(minutes[:, -60:], 60.0),
        _per_hour(hourly[:, -DAY_HOURS:], 1.0),
        expected,
    )


def _per_hour(counts: Array, buckets: float) -> Array:
    seen = np.isfinite(counts).sum(axis=1)
    return np.where(seen > 0, np.nansum(counts, axis=1) / np.maximum(seen, 1) * buckets, np.nan)


def _daily_trends(alive: Array, exposure: Array) -> Trends:
    days = alive.shape[1] // DAY_HOURS
    shape = (len(alive), days, DAY_HOURS)
    width = days * DAY_HOURS
    counted = alive[:, -width:].reshape(shape) if days else alive[:, :0].reshape(shape)
    exposed = np.where(np.isfinite(alive), exposure, 0.0)[:, alive.shape[1] - width :].reshape(shape)
    return trends(np.nansum(counted, axis=2), exposed.sum(axis=2) / DAY_HOURS)


def _trend(found: Trends, safe: Array, row: int) -> Trend:
    lower, slope, upper = (
        7.0 * np.clip([found.lower[row], found.slope[row], found.upper[row]], -9.0, 9.0)
    ).tolist()
    return Trend(
        factor=float(np.exp(slope)),
        lower=float(np.exp(lower)),
        upper=float(np.exp(upper)),
        confidence=float(found.confidence[row]),
        safe_log2=float(7.0 * safe[row] / np.log(2.0)),
    )


def _rhythm(found: Seasons, row: int) -> Rhythm:
    return Rhythm(
        daily=float(found.daily_strength[row]),
        weekly=float(found.weekly_strength[row]),
        is_daily=bool(found.daily_p[row] < STRONG_P),
        is_weekly=bool(found.weekly_p[row] < STRONG_P),
    )


def _level_change(change: ChangePoint, start_s: float) -> LevelChange:
    at = datetime.fromtimestamp(start_s + HOUR_S * change.index, UTC)
    return LevelChange(at=at, before=change.before, after=change.after)


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds == seconds else None  # noqa: PLR0124  # NaN = none
