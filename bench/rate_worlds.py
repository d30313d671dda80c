"""Simulated event rates for ``bench.anomaly``, of any seed: ``python -m bench.rate_worlds SEED OUT_DIR``.

Made after the description of the public sets (60 patterns, 28 days by the minute, .01 to 500 a minute,
negative binomial), so that settings are not judged on the sets they were looked at with. ``--ragged`` makes
what those do not have: rates that wander by the minute, jobs on the hour, weekdays that all differ.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DAY = 1440
STEP_ZONE = 240
SPARED_DAYS = 7
"""Nothing happens in the first week: it is there to learn from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    series: str
    start: int
    end: int
    kind: str
    factor: float
    is_detectable: bool


@dataclass(slots=True, kw_only=True)
class World:
    """Rates, counts and what was planted in them."""

    names: list[str]
    rates: Floats
    scatter: Floats
    counts: NDArray[np.int32]
    incidents: list[Incident] = field(default_factory=list)
    calendar: list[tuple[int, int, str]] = field(default_factory=list)


def make(
    seed: int, *, series: int = 60, days: int = 28, is_ragged: bool = False, is_quiet: bool = False
) -> World:
    """Return a world; all chance comes from the seed."""
    rng = np.random.default_rng(seed)
    names = [f"p{place:03d}" + ("_heartbeat" if place % 10 == 9 else "") for place in range(series)]
    minutes = days * DAY
    rates = np.stack(
        [_rate(rng, minutes, is_heartbeat="heartbeat" in name, is_ragged=is_ragged) for name in names]
    )
    scatter = np.array(
        [0.0 if "heartbeat" in name else 1.0 / np.exp(rng.uniform(*np.log([1.5, 100]))) for name in names]
    )
    world = World(names=names, rates=rates, scatter=scatter, counts=np.zeros((series, minutes), np.int32))
    busy = np.zeros((series, minutes), bool)
    if not is_quiet:
        _births(rng, world, busy)
        _deploys(rng, world, busy)
        _holidays(rng, world)
        _silences(rng, world, busy)
        _bursts(rng, world, busy)
    shape = np.where(scatter > 0, 1.0 / np.maximum(scatter, 1e-9), 1.0)[:, None]
    noise = np.where(scatter[:, None] > 0, rng.gamma(np.broadcast_to(shape, rates.shape)) / shape, 1.0)
    if is_ragged:
        noise *= _wander(rng, rates.shape)
    world.counts = rng.poisson(rates * noise).astype(np.int32)
    world.incidents = [_from_first_event(world, one) for one in world.incidents]
    for _ in range(3):
        at, length = int(rng.integers(SPARED_DAYS * DAY, minutes - 200)), int(rng.integers(15, 180))
        world.counts[:, at : at + length] = -1
        world.calendar.append((at, at + length, "gap"))
    return world


def _rate(rng: np.random.Generator, minutes: int, *, is_heartbeat: bool, is_ragged: bool) -> Floats:
    hours = minutes // 60
    wobble = np.zeros(hours + 2)
    for hour in range(1, hours + 2):
        wobble[hour] = 0.93 * wobble[hour - 1] + rng.normal(0.0, 0.025)
    at = np.arange(minutes)
    smooth = np.exp(np.interp(at / 60.0, np.arange(hours + 2), wobble))
    if is_heartbeat:
        beat: Floats = np.exp(rng.uniform(*np.log([0.3, 15.0]))) * smooth
        return beat
    trend = np.exp(rng.uniform(-0.7, 0.7) * rng.integers(0, 2) * (at / minutes - 0.5))
    size, shape = rng.choice([0.3, 0.6, 0.9]), rng.integers(0, 3)
    wave = np.cos(2.0 * np.pi * (at / DAY - rng.uniform()))
    season = 1.0 + size * (
        0.0 if shape == 0 else wave if shape == 1 else np.sign(wave) * np.sqrt(np.abs(wave))
    )
    weekend = np.where((at // DAY) % 7 >= 5, rng.choice([1.0, 0.8, 0.5]), 1.0)
    if is_ragged:
        weekend = np.exp(rng.normal(0.0, 0.3, 7))[(at // DAY) % 7]
        season = season * np.where((at % 60 < 5) & (rng.uniform() < 0.2), 3.0, 1.0)
    rate: Floats = np.exp(rng.uniform(*np.log([0.01, 500.0]))) * smooth * trend * season * weekend
    return rate


def _wander(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Return factors that stay similar for minutes: what independent noise does not have."""
    wander, spread = np.zeros(shape), rng.uniform(0.0, 0.15, shape[0])
    for minute in range(1, shape[1]):
        wander[:, minute] = 0.9 * wander[:, minute - 1] + rng.normal(0.0, 0.44, shape[0]) * spread
    return np.exp(wander - 0.5 * (spread**2)[:, None])


def _births(rng: np.random.Generator, world: World, busy: NDArray[np.bool_]) -> None:
    minutes = world.rates.shape[1]
    for place in range(7, len(world.names), 12):
        at = int(rng.integers(SPARED_DAYS * DAY + 600, minutes - 2 * DAY))
        world.rates[place, :at] = 0.0
        busy[place, : at + 120] = True
        world.incidents.append(_incident(world, place, (at, at + 30), "birth", 0.0, is_detectable=True))


def _deploys(rng: np.random.Generator, world: World, busy: NDArray[np.bool_]) -> None:
    minutes = world.rates.shape[1]
    least = {3.0: 0.14, 2.0: 0.22, 0.5: 2.3, 0.35: 1.8}
    for at in sorted(int(at) for at in rng.integers((SPARED_DAYS + 1) * DAY, minutes - 3 * DAY, 5)):
        world.calendar.append((at, at + 1, "deploy"))
        for place in range(len(world.names)):
            if rng.uniform() > 0.1 or busy[place, at : at + STEP_ZONE].any():
                continue
            factor = float(rng.choice(list(least)))
            base = world.rates[place, at - STEP_ZONE : at].mean()
            world.rates[place, at:] *= factor
            busy[place, at - 30 : at + STEP_ZONE + 30] = True
            detectable = bool(base >= least[factor])
            world.incidents.append(
                _incident(world, place, (at, at + STEP_ZONE), "step", factor, is_detectable=detectable)
            )


def _holidays(rng: np.random.Generator, world: World) -> None:
    days = world.rates.shape[1] // DAY
    for day in rng.choice(np.arange(SPARED_DAYS + 1, days - 1), 2, replace=False):
        at = int(day) * DAY
        hit = rng.uniform(size=len(world.names)) < 0.45
        world.rates[hit, at : at + DAY] *= 0.45
        world.calendar.append((at, at + DAY, "holiday"))


def _silences(rng: np.random.Generator, world: World, busy: NDArray[np.bool_]) -> None:
    minutes = world.rates.shape[1]
    for place, name in enumerate(world.names):
        if "heartbeat" not in name:
            continue
        at, length = int(rng.integers(SPARED_DAYS * DAY, minutes - 700)), int(rng.integers(60, 600))
        if busy[place, at : at + length].any():
            continue
        expected = world.rates[place, at : at + length].sum()
        world.rates[place, at : at + length] = 0.0
        busy[place, at - 30 : at + length + 30] = True
        world.incidents.append(
            _incident(world, place, (at, at + length), "silence", 0.0, is_detectable=bool(expected >= 60))
        )


def _bursts(rng: np.random.Generator, world: World, busy: NDArray[np.bool_]) -> None:
    minutes = world.rates.shape[1]
    for place in range(len(world.names)):
        for _ in range(6):
            length, factor = int(rng.choice([3, 5, 10, 20, 45, 120])), float(rng.choice([2.0, 3.0, 10.0]))
            at = int(rng.integers(SPARED_DAYS * DAY, minutes - 200))
            if busy[place, at - 30 : at + length + 30].any():
                continue
            short = min(length, 5)
            mean = world.rates[place, at : at + short].sum()
            deviation = np.sqrt(mean + mean * mean * world.scatter[place] / short)
            detectable = bool((factor - 1.0) * mean >= 6.0 * deviation)
            world.rates[place, at : at + length] *= factor
            busy[place, at - 30 : at + length + 30] = True
            world.incidents.append(
                _incident(world, place, (at, at + length), "burst", factor, is_detectable=detectable)
            )


def _from_first_event(world: World, one: Incident) -> Incident:
    """Return a birth as of its first event: before it nobody can know."""
    if one.kind != "birth":
        return one
    first = int(np.argmax(world.counts[world.names.index(one.series)] > 0))
    return replace(one, start=first, end=first + 30)


def _incident(
    world: World, place: int, span: tuple[int, int], kind: str, factor: float, *, is_detectable: bool
) -> Incident:
    name, (start, end) = world.names[place], span
    return Incident(series=name, start=start, end=end, kind=kind, factor=factor, is_detectable=is_detectable)


def write(world: World, folder: Path) -> None:
    """Write a world as the public sets are: rates.npz, incidents.csv, calendar.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        folder / "rates.npz", counts=world.counts, names=np.array(world.names), start=np.int64(1_788_739_200)
    )
    with (folder / "incidents.csv").open("w", newline="", encoding="utf-8") as target:
        table = csv.writer(target)
        table.writerow(["series", "start", "end", "kind", "factor", "detectable"])
        for one in sorted(world.incidents, key=lambda one: (one.series, one.start)):
            table.writerow([one.series, one.start, one.end, one.kind, one.factor, int(one.is_detectable)])
    with (folder / "calendar.csv").open("w", newline="", encoding="utf-8") as target:
        table = csv.writer(target)
        table.writerow(["start", "end", "what"])
        table.writerows(world.calendar)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("seed", type=int)
    parser.add_argument("out", type=Path)
    parser.add_argument("--series", type=int, default=60)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--ragged", action="store_true")
    parser.add_argument("--quiet", action="store_true", help="plant no incidents: every alert is false")
    given = parser.parse_args()
    write(
        make(given.seed, series=given.series, days=given.days, is_ragged=given.ragged, is_quiet=given.quiet),
        given.out,
    )


if __name__ == "__main__":
    main()
