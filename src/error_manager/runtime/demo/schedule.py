"""When the demo's errors happen: the shop's daily and weekly rhythm, and eight planted incidents."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import cycle
from random import Random
from typing import Final

from error_manager.runtime.demo.faults import FAULTS, Fault

DAYS: Final = 14
RESOLVED_FAULT: Final = "api-coupon"
"""Somebody resolves it in the middle of the demo; a release brings it back."""
_HOURS: Final = DAYS * 24
_DAY_CURVE: Final[tuple[float, ...]] = tuple(
    0.25 + 1.5 * math.pow(max(0.0, math.sin(math.pi * (hour - 5) / 19)), 1.6) for hour in range(24)
)
_WEEK_CURVE: Final = (1.0, 0.96, 0.98, 1.02, 1.12, 1.25, 0.92)  # Monday first; people shop on Saturday


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One planted incident: what an analysis should find. Times are UTC."""

    kind: str
    title: str
    start: datetime
    end: datetime
    faults: tuple[str, ...]
    cause: str
    lag_s: tuple[float, ...] = ()
    release: str = ""

    def to_json(self) -> dict[str, object]:
        """Return the incident as JSON values."""
        values = asdict(self)
        return {**values, "start": self.start.isoformat(), "end": self.end.isoformat()}


@dataclass(frozen=True, slots=True)
class Moment:
    """One error to be made: which fault, when, and the incident it belongs to ("" = background)."""

    fault: Fault
    at: datetime
    incident: str = ""


def incidents(start: datetime) -> tuple[Incident, ...]:
    """Return the planted incidents of a demo that begins at ``start`` (midnight UTC)."""

    def at(day: int, hour: float) -> datetime:
        return start + timedelta(days=day, hours=hour)

    return (
        Incident(kind="noisy_bot", title="A bot requests malformed product addresses", start=at(4, 3.2), end=at(4, 9.4),
                 faults=("web-bot",), cause="one address, one user agent"),
        Incident(kind="pool_exhausted", title="The API's database pool runs out and takes payment and web with it",
                 start=at(6, 11.3), end=at(6, 11.8), faults=("api-pool", "pay-timeout", "web-gateway"), cause="api-pool",
                 lag_s=(0.0, 4.0, 9.0)),
        Incident(kind="slow_leak", title="Search leaks memory, more every day", start=at(7, 0), end=at(13, 6),
                 faults=("search-memory",), cause="search-memory", release="search@3.4.1"),
        Incident(kind="bad_release", title="Release api@2.8.0 breaks tax of countries without a rate", start=at(9, 14.1),
                 end=at(9, 17.6), faults=("api-tax-regression", "api-coupon"), cause="api-tax-regression",
                 release="api@2.8.0"),
        Incident(kind="silent_batch", title="The nightly price import stops running", start=at(10, 2), end=at(14, 0),
                 faults=("batch-import",), cause="batch-import"),
        Incident(kind="certificate_expired", title="The mail server's certificate expires", start=at(11, 8), end=at(11, 11.1),
                 faults=("mail-certificate",), cause="mail-certificate"),
        Incident(kind="rate_limited", title="The fraud check limits our rate", start=at(12, 16), end=at(12, 18.2),
                 faults=("pay-rate-limit",), cause="pay-rate-limit"),
        Incident(kind="regression", title="A coupon fault that was resolved comes back with api@2.8.0", start=at(9, 14.1),
                 end=at(9, 17.6), faults=("api-coupon",), cause="api-coupon", release="api@2.8.0"),
    )  # fmt: skip


def moments(start: datetime, end: datetime, *, errors: int, rng: Random) -> list[Moment]:
    """Return about ``errors`` moments from ``start`` (midnight UTC) to ``end``, in order of time."""
    planted = [moment for moment in _planted(start, errors / 200_000, rng) if moment.at < end]
    background = [
        moment
        for fault in FAULTS
        if fault.rhythm != "incident"
        for moment in _background(fault, start, rng)
        if moment.at < end and not _is_fixed(moment, start)
    ]
    wanted = max(0, errors - len(planted))
    if wanted <= len(background):
        chosen = [background[index * len(background) // wanted] for index in range(wanted)]
    else:
        chosen = [_shifted(moment, rng) for moment, _ in zip(cycle(background), range(wanted), strict=False)]
    return sorted((*chosen, *planted), key=lambda moment: moment.at)


def _shifted(moment: Moment, rng: Random) -> Moment:
    return Moment(moment.fault, moment.at - timedelta(seconds=rng.uniform(0, 300)))


def fixed_at(start: datetime) -> datetime:
    """Return when somebody resolved the coupon fault, until api@2.8.0 brought it back."""
    return start + timedelta(days=8)


def _is_fixed(moment: Moment, start: datetime) -> bool:
    """Return whether the moment falls into the time when the coupon fault was mended."""
    is_coupon = moment.fault.key == RESOLVED_FAULT and not moment.incident
    return is_coupon and moment.at >= fixed_at(start) - timedelta(hours=6)


def _background(fault: Fault, start: datetime, rng: Random) -> Iterator[Moment]:
    for index in range(_HOURS):
        hour = start + timedelta(hours=index)
        for _ in range(_poisson(fault.rate * _factor(fault, hour), rng)):
            yield Moment(fault, hour + timedelta(seconds=rng.uniform(0, 3600)))


def _factor(fault: Fault, hour: datetime) -> float:
    match fault.rhythm:
        case "day":
            return _DAY_CURVE[hour.hour] * _WEEK_CURVE[hour.weekday()]
        case "office":
            return 2.4 if hour.weekday() < 5 and 8 <= hour.hour < 18 else 0.05  # office hours
        case "nightly":
            return 24.0 if hour.hour == 2 else 0.0  # the batch runs at two
        case _:
            return 1.0


def _planted(start: datetime, scale: float, rng: Random) -> Iterator[Moment]:
    by_key = {fault.key: fault for fault in FAULTS}
    for incident in incidents(start):
        match incident.kind:
            case "pool_exhausted":
                yield from _cascade(incident, by_key, scale, rng)
            case "slow_leak":
                yield from _leak(incident, by_key["search-memory"], scale, rng)
            case "silent_batch":
                yield from _nights(start, incident, by_key["batch-import"], scale, rng)
            case "noisy_bot":
                yield from _even(incident, by_key["web-bot"], 9000 * scale, rng)
            case "bad_release":
                yield from _even(incident, by_key["api-tax-regression"], 900 * scale, rng)
            case "certificate_expired":
                yield from _even(incident, by_key["mail-certificate"], 700 * scale, rng)
            case "rate_limited":
                yield from _even(incident, by_key["pay-rate-limit"], 1500 * scale, rng)
            case _:
                yield from _even(incident, by_key["api-coupon"], 250 * scale, rng)


def _even(incident: Incident, fault: Fault, count: float, rng: Random) -> Iterator[Moment]:
    seconds = (incident.end - incident.start).total_seconds()
    for _ in range(_poisson(count, rng)):
        yield Moment(fault, incident.start + timedelta(seconds=rng.uniform(0, seconds)), incident.kind)


def _cascade(incident: Incident, by_key: dict[str, Fault], scale: float, rng: Random) -> Iterator[Moment]:
    """Each exhausted pool makes payment time out seconds later, and the web shop answer 502 after that."""
    for moment in _even(incident, by_key["api-pool"], 1800 * scale, rng):
        yield moment
        for key, lag, share in zip(incident.faults[1:], incident.lag_s[1:], (0.8, 0.7), strict=True):
            if rng.random() < share:
                delay = timedelta(seconds=max(0.2, rng.gauss(lag, lag / 5)))
                yield Moment(by_key[key], moment.at + delay, incident.kind)


def _leak(incident: Incident, fault: Fault, scale: float, rng: Random) -> Iterator[Moment]:
    hours = int((incident.end - incident.start) / timedelta(hours=1))
    for index in range(hours):
        for _ in range(_poisson(0.4 * scale * math.exp(4.2 * index / hours), rng)):
            at = incident.start + timedelta(hours=index, seconds=rng.uniform(0, 3600))
            yield Moment(fault, at, incident.kind)


def _nights(start: datetime, incident: Incident, fault: Fault, scale: float, rng: Random) -> Iterator[Moment]:
    """Every night at two, until the night the import stops running."""
    night = start + timedelta(hours=2)
    while night < incident.start:
        for _ in range(_poisson(160 * scale, rng)):
            yield Moment(fault, night + timedelta(seconds=rng.uniform(0, 900)))
        night += timedelta(days=1)


def _poisson(mean: float, rng: Random) -> int:
    """Return a Poisson number; above 50 by the normal approximation."""
    if mean <= 0:
        return 0
    if mean > 50:  # the error of the approximation is below 1 % there
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count
