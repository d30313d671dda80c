"""Streaming detector of anomalous event rates over many series at once (seed box: Anomaly Detector). Pure.

Each minute every series is compared with what its season and its level make expected, over windows from one
minute to four hours. ``docs/guides/anomalies.md`` says what is told and why.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from error_manager.analysis import anomaly_growth, anomaly_incident, anomaly_level, anomaly_watch
from error_manager.analysis.anomaly_alert import Alert, Band, Deploy, Kind
from error_manager.analysis.anomaly_level import DAY_MINUTES, Minute
from error_manager.analysis.anomaly_season import DAYS
from error_manager.analysis.anomaly_state import RING, SeriesState
from error_manager.analysis.anomaly_tail import band, sigmas_of, signed_root, threshold
from error_manager.analysis.anomaly_watch import Found

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

STEP_S: Final = 60
_YOUNG_MINUTES: Final = 2 * DAY_MINUTES
_YOUNG_HOURS: Final = 6
_CAUGHT_UP_MINUTES: Final = 2 * DAY_MINUTES
"""Of a longer pause only the days are counted off: seasons are fitted for these minutes."""
_SILENT_SHARE: Final = 0.7
"""A fall of which so much is no event at all is a silence."""


class RateDetector:
    """Event rates of many series, minute by minute.

    Args:
        offset_minutes: local midnight of the people whose habits make the season, minutes after UTC midnight
            times -1 (UTC+2 = 120).
    """

    def __init__(self, *, offset_minutes: int = 0) -> None:
        self._state = SeriesState()
        self._offset = offset_minutes

    @property
    def keys(self) -> tuple[str, ...]:
        """The series, in the order of the counts that ``update`` takes."""
        return tuple(self._state.keys)

    @property
    def told(self) -> frozenset[tuple[str, float]]:
        """The incidents that were told and go on: series and ``started_s`` of the alert."""
        state = self._state
        incidents = np.flatnonzero((state["kind"] > 0) & (state["is_told"] != 0))
        growths = np.flatnonzero(~np.isnan(state["growth"]) & (state["growth_told"] != 0))
        return frozenset(
            (state.keys[place], float(state[name][place]) * STEP_S)
            for name, places in (("started", incidents), ("growth", growths))
            for place in places
        )

    def add(self, keys: Iterable[str], *, group: int = 0, is_known: bool = False) -> None:
        """Watch more series, behind those there are.

        Args:
            keys: names, each not yet watched.
            group: whose deploys concern them (project).
            is_known: they existed before; their first event is no birth.

        Raises:
            ValueError: a key is watched already.
        """
        fresh = list(keys)
        if len(set(fresh)) != len(fresh) or not set(fresh).isdisjoint(self._state.keys):
            raise ValueError("a series is watched already")
        places = self._state.add(fresh)
        self._state["group"][places] = group
        self._state["is_known"][places] = is_known
        self._state["added"][places] = np.nan

    def remove(self, keys: Iterable[str]) -> None:
        """Watch some series no longer; their open incidents go without an end."""
        gone = set(keys)
        kept = [place for place, key in enumerate(self._state.keys) if key not in gone]
        self._state.keep(np.array(kept, dtype=np.int64))

    def update(
        self, bucket_start_s: float, counts: Sequence[float] | Floats, *, deploys: Sequence[Deploy] = ()
    ) -> tuple[Alert, ...]:
        """Take the counts of a closed minute; return what is to be told.

        Args:
            bucket_start_s: seconds since the epoch, later than that of the last call; minutes left out
                were not collected.
            counts: of each series in the order of ``keys``; NaN = not collected.
            deploys: those known so far; only those of the last four hours matter.

        Returns:
            Alerts of incidents found, and of incidents that are over (``ended_s`` is set).

        Raises:
            ValueError: counts of another number of series, or a minute that has been.
        """
        state = self._state
        now = int(bucket_start_s // STEP_S)
        values = np.asarray(counts, dtype=np.float64)
        if values.shape != (len(state.keys),):
            raise ValueError(f"{values.size} counts for {len(state.keys)} series")
        if state.minute >= 0 and now <= state.minute:
            raise ValueError("a minute that has been")
        self._skip_to(now)
        self._begin(now)
        self._take_deploys(now, deploys)
        minute = anomaly_level.look(state, now, values, self._offset)
        limit = threshold(int((~np.isnan(state["born"])).sum()))
        alerts = anomaly_incident.go_on(state, minute, limit)
        alerts += self._births(minute, limit)
        alerts += self._changes(minute, limit)
        if (now + self._offset) % 60 == 0:
            strict = anomaly_watch.limits(state, limit)
            alerts += anomaly_growth.follow_growth(state, minute, self._offset, strict)
        free = (state["kind"] == 0) | (state["kind"] == anomaly_incident.CODES[Kind.BIRTH])
        usual = (state["kind"] == anomaly_incident.CODES[Kind.BURST]) & (state["is_told"] == 0)
        anomaly_level.learn(state, minute, self._offset, free & ~np.isnan(state["born"]), usual)
        state.minute = now
        return tuple(alerts)

    def learn_history(self, keys: Sequence[str], start_s: float, step_s: int, counts: Floats) -> None:
        """Take in what happened before the first minute, so that nothing has to be learned anew.

        Args:
            keys: series that are watched and were not updated yet.
            start_s: of the first bucket, seconds since the epoch, at a full half hour.
            step_s: width of the buckets: 1,800 or 3,600 (spread evenly over its half hours).
            counts: events, shape (len(keys), buckets), oldest first, NaN = not collected.

        Raises:
            ValueError: a series is not watched, the width is another, or the start is not a half hour.
        """
        half_hour_s = anomaly_level.SLOT_MINUTES * STEP_S
        first_minute = int(start_s // STEP_S) + self._offset
        if step_s not in {half_hour_s, 2 * half_hour_s} or first_minute % anomaly_level.SLOT_MINUTES:
            raise ValueError("buckets are half hours or hours from a half hour on")
        where = {key: place for place, key in enumerate(self._state.keys)}
        if not where.keys() >= set(keys):
            raise ValueError("a series is not watched")
        places = np.array([where[key] for key in keys], dtype=np.int64)
        parts = step_s // half_hour_s
        halves = np.repeat(counts / parts, parts, axis=1)
        anomaly_level.fill_history(self._state, places, first_minute // anomaly_level.SLOT_MINUTES, halves)
        end = first_minute + halves.shape[1] * anomaly_level.SLOT_MINUTES - self._offset
        seen = places[~np.isnan(self._state["born"][places])]
        if len(seen):
            anomaly_level.refit(self._state, seen, end - 1, self._offset)
            self._state["levels"][:, seen] = anomaly_level.levels(self._state)[seen]

    def expected(self, key: str, start_s: float, buckets: int) -> Band:
        """Return what is expected of a series per minute, from the present state.

        Args:
            key: the series.
            start_s: of the first minute, seconds since the epoch.
            buckets: minutes.

        Raises:
            ValueError: the series is not watched.
        """
        limit = threshold(int((~np.isnan(self._state["born"])).sum()))
        state = self._state.only(self._state.keys.index(key))
        first = int(start_s // STEP_S)
        level = float(anomaly_level.levels(state)[0])
        factors = [anomaly_level.season_at(state, first + at, self._offset) for at in range(buckets)]
        season = np.array([factor[0] for factor, _ in factors])
        variance = np.array([spread[0] for _, spread in factors])
        doubt = variance + state["slack"][0] + 1.0 / (state["level_events"][0] + 0.5)
        means, sizes = level * season, 1.0 / (doubt + anomaly_level.scatters(state)[0])
        lower80, upper80 = band(means, sizes, sigmas_of(0.80))
        lower95, upper95 = band(means, sizes, sigmas_of(0.95))
        lower, upper = band(means, sizes, limit)
        return Band(
            mean=tuple(means.tolist()),
            lower80=tuple(lower80.tolist()),
            upper80=tuple(upper80.tolist()),
            lower95=tuple(lower95.tolist()),
            upper95=tuple(upper95.tolist()),
            lower=tuple(lower.tolist()),
            upper=tuple(upper.tolist()),
        )

    def to_bytes(self) -> bytes:
        """Return the whole state."""
        return self._state.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes, *, offset_minutes: int = 0) -> RateDetector:
        """Return the detector again; it goes on as if it had not stopped.

        Raises:
            ValueError: no state of this version.
        """
        detector = cls(offset_minutes=offset_minutes)
        detector._state = SeriesState.from_bytes(data)
        return detector

    def _skip_to(self, now: int) -> None:
        """Pass the minutes that were not collected: they add nothing to any window."""
        state = self._state
        first = now if state.minute < 0 else max(state.minute + 1, now - RING)
        for name in ("ring_count", "ring_high", "ring_low"):
            last = state[name][state.minute % RING].copy()
            for passed in range(first, now + 1):
                state[name][passed % RING] = last
        if state.minute < 0:
            return
        for passed in range(max(state.minute + 1, now - DAYS * DAY_MINUTES), now):
            if passed >= now - _CAUGHT_UP_MINUTES:
                self._begin(passed)
            elif (passed + self._offset) % DAY_MINUTES == 0:
                anomaly_level.begin_day(state, passed, self._offset)

    def _begin(self, now: int) -> None:
        state = self._state
        if (now + self._offset) % DAY_MINUTES == 0:
            anomaly_level.begin_day(state, now, self._offset)
        if (now + self._offset) % 60 == 0:
            anomaly_level.begin_hour(state, now)
            self._refit(now)

    def _refit(self, now: int) -> None:
        """Fit a twenty-fourth of the series each hour, young ones every six hours."""
        state = self._state
        age = now - state["born"]
        hour = (now + self._offset) // 60
        slots = np.array([zlib.crc32(key.encode()) for key in state.keys], dtype=np.int64)
        due = np.where(age < _YOUNG_MINUTES, (hour - slots) % _YOUNG_HOURS == 0, (hour - slots) % 24 == 0)
        places = np.flatnonzero(due & (age >= 60) & (state["kind"] == 0))
        if len(places):
            anomaly_level.refit(state, places, now, self._offset)

    def _take_deploys(self, now: int, deploys: Sequence[Deploy]) -> None:
        state = self._state
        for deploy in deploys:
            at = int(deploy.at_s // STEP_S)
            if not now - anomaly_watch.DEPLOY_MINUTES < at <= now:
                continue
            mine = state["deploy_at"] < at
            if deploy.group is not None:
                mine &= state["group"] == deploy.group
            anomaly_watch.begin_deploy(state, mine, at, now, anomaly_level.levels(state))

    def _births(self, minute: Minute, limit: float) -> list[Alert]:
        state = self._state
        np.copyto(state["added"], float(minute.at), where=np.isnan(state["added"]))
        first = minute.seen & (minute.counts > 0) & np.isnan(state["born"])
        if not first.any():
            return []
        state["born"][first] = minute.at
        told = first & (state["is_known"] == 0)
        expected = 0.5 * np.ones_like(minute.counts) / (minute.at - state["added"] + DAY_MINUTES)
        found = Found(
            sigmas=signed_root(minute.counts, expected, np.ones_like(expected)),
            minutes=np.ones(len(expected), dtype=np.int64),
            observed=minute.counts,
            expected=expected,
            size=np.ones_like(expected),
        )
        return anomaly_incident.open_incidents(state, Kind.BIRTH, told, found, minute, limit=limit, told=told)

    def _changes(self, minute: Minute, limit: float) -> list[Alert]:
        state = self._state
        anomaly_watch.add_minute(state, minute)
        many, few = anomaly_watch.too_many(state, minute), anomaly_watch.too_few(state, minute)
        deploy = anomaly_watch.since_deploy(state, minute)
        silent, nats = anomaly_watch.is_silence(state, minute)
        quiet = Found(
            sigmas=-np.sqrt(2.0 * nats),
            minutes=few.minutes,
            observed=np.zeros_like(nats),
            expected=np.maximum(state["quiet"], 1e-9),
            size=1.0 / minute.doubt,
        )
        settled = anomaly_level.is_settled(state, minute.at)
        alerts: list[Alert] = []
        strict = anomaly_watch.limits(state, limit)
        falls = anomaly_watch.is_fall(state, few, strict, minute)
        news = anomaly_watch.is_news(state, few, strict, minute)
        every = np.ones_like(news)
        bursts = anomaly_watch.is_burst(many, strict)
        rare = every
        if bursts.any():
            rare = ~anomaly_watch.is_usual(state, many, minute, self._offset)
            rare &= ~anomaly_watch.is_grown(state, many, minute, self._offset)
        missed = anomaly_watch.missed_jobs(state, minute, self._offset)
        for kind, where, found, told in (
            (Kind.BURST, bursts, many, rare),
            (Kind.STEP, anomaly_watch.is_step(deploy), deploy, every),
            (Kind.SILENCE, silent, quiet, every),
            (Kind.SILENCE, missed.sigmas < 0, missed, every),
            (Kind.SILENCE, falls & (state["quiet"] >= _SILENT_SHARE * few.expected), few, news),
            (Kind.STEP, falls, few, news),
        ):
            free = (state["kind"] == 0) & minute.seen & settled
            alerts += anomaly_incident.open_incidents(
                state, kind, where & free, found, minute, limit=limit, told=told
            )
        return alerts
