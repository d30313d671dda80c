"""Simulated streams of errors with planted causes: ``python -m bench.cause_worlds OUT_DIR SEED...``.

Two kinds: ``sim`` (strong links, 200 patterns) and ``hard`` (weak and rare links, lags to 15 minutes, cron
jobs, storms, spikes, causes that are not logged, hosts that write in steps). Written are events, truth,
confounders and deploys, in the form that bench.correlation reads and the scorer of correlations takes.
"""

from __future__ import annotations

import argparse
import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
DAY_S = 86_400.0
SLOT_S = 1_800.0
LEAST_Z = 6.0
"""Links that nobody could see are not planted."""
SHAPES = ("fixed", "exponential", "lognormal", "bimodal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How large a world is and what is planted in it."""

    patterns: int
    hosts: int
    links: dict[str, int]
    hit: tuple[float, float]
    lag_s: tuple[float, float]
    counts: tuple[float, float]
    days: float = 14.0
    deploys: int = 14
    deployed: int = 60
    spikes: int = 14
    spiked: int = 50
    storms: int = 0
    stormed: int = 0
    hidden: int = 0
    inhibited: int = 0
    twins: int = 0
    cron: int = 0
    stepped_hosts: int = 0
    gaps: int = 0


EASY = Plan(
    patterns=200,
    hosts=8,
    links={"single": 20, "chain": 4, "common_cause": 4, "duplicate": 4},
    hit=(0.2, 0.95),
    lag_s=(0.2, 90.0),
    counts=(120.0, 6_500.0),
    deploys=6,
)
HARD = Plan(
    patterns=800,
    hosts=24,
    links={
        "single": 18,
        "cron_cause": 4,
        "rare": 16,
        "chain": 8,
        "common_cause": 6,
        "one_to_many": 3,
        "many_to_one": 3,
        "feedback": 5,
        "drift": 6,
        "release": 6,
        "cross_host": 8,
    },
    hit=(0.05, 0.5),
    lag_s=(0.5, 900.0),
    counts=(15.0, 3_500.0),
    deployed=109,
    spiked=109,
    storms=24,
    stormed=79,
    hidden=16,
    inhibited=8,
    twins=6,
    cron=44,
    stepped_hosts=6,
    gaps=4,
)


@dataclass(slots=True, kw_only=True)
class World:
    """Events by pattern while they are made: times and hosts, and the planted links."""

    plan: Plan
    rng: np.random.Generator
    deploys: Floats
    times: list[Floats] = field(default_factory=list)
    hosts: list[npt.NDArray[np.int64]] = field(default_factory=list)
    homes: list[npt.NDArray[np.int64]] = field(default_factory=list)
    truth: list[tuple[int, int, float, float, str, str]] = field(default_factory=list)
    confounders: list[tuple[str, int, int]] = field(default_factory=list)
    free: list[int] = field(default_factory=list)

    @property
    def length_s(self) -> float:
        return self.plan.days * DAY_S

    def take(self, count: int) -> list[int]:
        """Return patterns that nothing else is planted on."""
        taken, self.free = self.free[:count], self.free[count:]
        return taken

    def add(self, pattern: int, times: Floats, hosts: npt.NDArray[np.int64] | None = None) -> None:
        if hosts is None:
            hosts = self.rng.choice(self.homes[pattern], len(times))
        inside = (times >= 0) & (times < self.length_s)
        self.times[pattern] = np.concatenate([self.times[pattern], times[inside]])
        self.hosts[pattern] = np.concatenate([self.hosts[pattern], hosts[inside]])


def build(plan: Plan, seed: int) -> World:
    """Return a world; the same seed gives the same one."""
    rng = np.random.default_rng(seed)
    world = World(plan=plan, rng=rng, deploys=np.sort(rng.uniform(0, plan.days * DAY_S, plan.deploys)))
    world.free = [int(number) for number in rng.permutation(plan.patterns)]
    for _ in range(plan.patterns):
        world.homes.append(rng.choice(plan.hosts, int(rng.choice([1, 1, 2, 3, 4])), replace=False))
        world.times.append(_background(world, float(np.exp(rng.uniform(*np.log(plan.counts))))))
        world.hosts.append(rng.choice(world.homes[-1], len(world.times[-1])))
    _cron(world)
    _links(world)
    _hidden(world)
    _inhibited(world)
    _twins(world)
    _bursts(world)
    return world


def _background(world: World, count: float) -> Floats:
    """Return times with a rhythm of days and weeks, and with retries."""
    rng, days = world.rng, world.plan.days
    depth, phase, weekend = (
        rng.choice([0.2, 0.5, 0.8]),
        rng.choice([0.0, 0.1, 0.5]),
        rng.choice([0.4, 0.8, 1.0]),
    )
    at = rng.uniform(0, days * DAY_S, rng.poisson(count * 2))
    rate = (1 + depth * np.sin(2 * np.pi * (at / DAY_S - phase))) * np.where(
        at / DAY_S % 7 >= 5, weekend, 1.0
    )
    at = at[rng.random(len(at)) * 2 < rate]
    return np.concatenate([at, _retries(world, at)])


def _retries(world: World, at: Floats) -> Floats:
    rng = world.rng
    if rng.random() < 0.6:
        return np.empty(0)
    share, pause_s = rng.uniform(0.1, 0.5), rng.choice([1.0, 10.0, 60.0])
    again, found = at, [np.empty(0)]
    for _ in range(4):
        again = again[rng.random(len(again)) < share]
        again = again + rng.exponential(pause_s, len(again))
        found.append(again)
    return np.concatenate(found)


def _lags(world: World, at: Floats, lag_s: float, shape: str) -> Floats:
    rng, count = world.rng, len(at)
    match shape:
        case "fixed":
            return lag_s * rng.normal(1.0, 0.03, count)
        case "exponential":
            return rng.exponential(lag_s / np.log(2), count)
        case "lognormal":
            return lag_s * np.exp(0.5 * rng.normal(size=count))
        case _:
            return lag_s * np.where(rng.random(count) < 0.5, 0.5, 2.0) * rng.normal(1.0, 0.05, count)


def _strength(world: World, kind: str) -> tuple[float, float, str]:
    rng, plan = world.rng, world.plan
    hit = float(np.exp(rng.uniform(*np.log(plan.hit)))) if kind != "rare" else float(rng.uniform(0.25, 0.5))
    lag_s = float(np.exp(rng.uniform(*np.log(plan.lag_s))))
    shape = str(rng.choice(SHAPES if plan.hidden else SHAPES[:3]))
    return hit, min(lag_s, 250.0) if kind == "rare" else lag_s, shape


def _z(world: World, cause: int, effect: int, strength: tuple[float, float, str]) -> float:
    """Return how far the hits stand out for one who knows pair and lag."""
    causes, effects, (hit, lag_s, shape) = len(world.times[cause]), len(world.times[effect]), strength
    width_s = lag_s * {"fixed": 0.2, "exponential": 2.0, "lognormal": 1.5, "bimodal": 0.5}[shape]
    base = 1 - np.exp(-effects * width_s / world.length_s)
    return float(causes * hit * (1 - base) / np.sqrt(causes * base * (1 - base) + 0.5))


def _link(world: World, cause: int, effect: int, kind: str, *, is_twin: bool = False) -> None:
    """Plant one link: events of the cause bring about events of the effect."""
    rng, plan = world.rng, world.plan
    at, hosts = world.times[cause], world.hosts[cause]
    hit, lag_s, shape = _strength(world, kind)
    for _ in range(200):
        if _z(world, cause, effect, (hit, lag_s, shape)) >= LEAST_Z:
            break
        hit, lag_s, shape = _strength(world, kind)
    if is_twin:
        hit, lag_s, shape = 0.96, float(rng.uniform(0.1, 0.25)), "fixed"
    led = rng.random(len(at)) < hit
    if kind == "release":
        first = int(rng.integers(1, max(2, len(world.deploys) - 6)))
        led &= (at > world.deploys[first]) & (at < world.deploys[min(first + 6, len(world.deploys) - 1)])
    at, hosts = at[led], hosts[led]
    lags = _lags(world, at, lag_s, shape)
    if kind == "drift":
        lags = lags * 4.0 ** (at / world.length_s - 0.5)
    elsewhere = rng.random(len(at)) < (1.0 if kind == "cross_host" or not plan.hidden else 0.2)
    hosts = np.where(elsewhere, rng.integers(0, plan.hosts, len(at)), hosts)
    world.add(effect, at + lags, hosts)
    median_s = float(np.median(lags)) if len(lags) else lag_s
    world.truth.append((cause, effect, median_s, hit, kind, shape))


def _links(world: World) -> None:
    for kind, count in world.plan.links.items():
        for _ in range(count):
            _plant(world, kind)


def _plant(world: World, kind: str) -> None:
    rng = world.rng
    if kind == "cron_cause":
        cause, (effect,) = world.take(1)[0], world.take(1)
        slots = np.arange(0, world.length_s, SLOT_S)
        slots = slots[rng.random(len(slots)) < 0.5]
        world.times[cause], world.hosts[cause] = np.empty(0), np.empty(0, dtype=np.int64)
        world.add(cause, slots + rng.uniform(1, 50) + rng.exponential(1.0, len(slots)))
        _link(world, cause, effect, kind)
        return
    if kind == "rare":
        cause, effect = world.take(2)
        world.times[cause], world.hosts[cause] = np.empty(0), np.empty(0, dtype=np.int64)
        world.add(cause, rng.uniform(0, world.length_s, int(rng.integers(20, 50))))
        _link(world, cause, effect, kind)
        return
    if kind == "chain":
        first, second, third = world.take(3)
        _link(world, first, second, kind)
        _link(world, second, third, kind)
        world.confounders.append(("indirect", first, third))
        return
    if kind in {"common_cause", "one_to_many"}:
        cause, *effects = world.take(3 if kind == "common_cause" else 5)
        for effect in effects:
            _link(world, cause, effect, kind)
        world.confounders.extend(("common_cause", *pair) for pair in combinations(effects, 2))
        return
    if kind == "many_to_one":
        effect, *causes = world.take(5)
        for cause in causes:
            _link(world, cause, effect, kind)
        return
    cause, effect = world.take(2)
    before = world.times[effect], world.hosts[effect]
    _link(world, cause, effect, kind, is_twin=kind == "duplicate")
    if kind == "feedback":
        after = world.times[effect], world.hosts[effect]
        world.times[effect], world.hosts[effect] = before
        _link(world, effect, cause, kind)
        world.times[effect], world.hosts[effect] = after


def _hidden(world: World) -> None:
    rng = world.rng
    for number in range(world.plan.hidden):
        pair = world.take(2)
        at = rng.uniform(0, world.length_s, int(rng.integers(100, 500)))
        for pattern in pair:
            led = rng.random(len(at)) < rng.uniform(0.2, 0.7)
            lag_s = float(np.exp(rng.uniform(np.log(0.5), np.log(200))))
            world.add(pattern, at[led] + _lags(world, at[led], lag_s, SHAPES[number % 2]))
        world.confounders.append(("hidden", pair[0], pair[1]))


def _inhibited(world: World) -> None:
    for _ in range(world.plan.inhibited):
        cause, effect = world.take(2)
        last = np.sort(world.times[cause])
        place = np.searchsorted(last, world.times[effect]) - 1
        since = world.times[effect] - np.where(place >= 0, last[np.maximum(place, 0)], -np.inf)
        kept = since > world.rng.uniform(60, 600)
        world.times[effect], world.hosts[effect] = world.times[effect][kept], world.hosts[effect][kept]
        world.confounders.append(("inhibition", cause, effect))


def _twins(world: World) -> None:
    """Log some effects a second time under another name; links of those are neither right nor wrong."""
    rng, links = world.rng, list(world.truth)
    for place in rng.choice(len(links), world.plan.twins, replace=False) if world.plan.twins else ():
        pattern = links[int(place)][1]
        (twin,) = world.take(1)
        world.times[twin], world.hosts[twin] = np.empty(0), np.empty(0, dtype=np.int64)
        world.add(
            twin, world.times[pattern] + rng.uniform(0, 0.02, len(world.times[pattern])), world.hosts[pattern]
        )
        linked = (
            {pattern} | {c for c, e, *_ in links if e == pattern} | {e for c, e, *_ in links if c == pattern}
        )
        world.confounders.extend(("duplicate", other, twin) for other in sorted(linked))


def _cron(world: World) -> None:
    rng, jobs = world.rng, world.take(world.plan.cron)
    for job in jobs:
        period = SLOT_S * float(rng.choice([1, 2, 2, 4, 12]))
        slots = np.arange(0, world.length_s, period)
        slots = slots[rng.random(len(slots)) < rng.uniform(0.5, 1.0)]
        world.add(job, slots + rng.uniform(0, 45) + rng.exponential(rng.choice([0.1, 1.0]), len(slots)))
    world.confounders.extend(("cron", *pair) for pair in combinations(jobs, 2))


def _bursts(world: World) -> None:
    rng, plan = world.rng, world.plan
    deployed = rng.choice(plan.patterns, plan.deployed, replace=False)
    spiked = deployed[: plan.spiked]
    stormed = rng.choice(plan.patterns, plan.stormed, replace=False)
    starts = rng.uniform(0, world.length_s, plan.storms)
    bursts = [("deploy", deployed, start, 240.0, 0.8) for start in world.deploys]
    bursts += [("storm", stormed, start, float(rng.uniform(60, 240)), 0.9) for start in starts]
    for _, members, start, length_s, share in bursts:
        for pattern in members[rng.random(len(members)) < share]:
            world.add(int(pattern), start + rng.uniform(0, length_s, int(rng.integers(1, 5))))
    for start in rng.uniform(0, world.length_s, plan.spikes):
        length_s = float(rng.uniform(900, 5_400))
        for pattern in spiked:
            usual = len(world.times[int(pattern)]) * length_s / world.length_s
            world.add(int(pattern), start + rng.uniform(0, length_s, rng.poisson(usual * rng.uniform(2, 5))))
    for what, members in (("deploy", deployed), ("spike", spiked), ("storm", stormed)):
        pairs = combinations(sorted(int(number) for number in members), 2)
        world.confounders.extend((what, *pair) for pair in pairs)


def events(world: World) -> tuple[Floats, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return times, patterns and hosts as they would be logged, in order."""
    rng, plan = world.rng, world.plan
    times = np.concatenate(world.times)
    hosts = np.concatenate(world.hosts)
    patterns = np.repeat(np.arange(plan.patterns), [len(own) for own in world.times])
    kept = np.ones(len(times), dtype=np.bool_)
    for _ in range(plan.gaps):
        start = rng.uniform(0, world.length_s)
        kept &= ~((times > start) & (times < start + rng.uniform(1_800, 10_800)))
    for host in rng.choice(plan.hosts, plan.hosts // 2 if plan.gaps else 0, replace=False):
        for start in rng.uniform(0, world.length_s, 2):
            kept &= ~((hosts == host) & (times > start) & (times < start + rng.uniform(3_600, 28_800)))
    for host in rng.choice(plan.hosts, plan.stepped_hosts, replace=False):
        own, phase = hosts == host, rng.uniform(0, 10)
        times[own] = np.ceil((times[own] - phase) / 10) * 10 + phase
    times, patterns, hosts = np.round(times[kept], 2), patterns[kept], hosts[kept]
    order = np.argsort(times, kind="stable")
    return times[order], patterns[order], hosts[order]


def write(world: World, folder: Path) -> None:
    """Write a world as a set of the benchmark."""
    folder.mkdir(parents=True, exist_ok=True)
    with gzip.open(folder / "events.csv.gz", "wt", encoding="utf-8", newline="") as target:
        rows = csv.writer(target)
        rows.writerow(("t", "pattern", "host"))
        rows.writerows((f"{t:.2f}", f"p{p:03d}", f"h{h}") for t, p, h in zip(*events(world), strict=True))
    _write_rows(
        folder / "truth.csv",
        ("cause", "effect", "median_lag_s", "hit_probability", "kind", "lag_shape"),
        [
            (f"p{c:03d}", f"p{e:03d}", round(lag, 3), round(hit, 3), *more)
            for c, e, lag, hit, *more in world.truth
        ],
    )
    named = [(what, f"p{a:03d}", f"p{b:03d}") for what, a, b in world.confounders]
    _write_rows(folder / "confounders.csv", ("what", "a", "b"), named)
    _write_rows(folder / "deploys.csv", ("t",), [(round(float(at), 1),) for at in world.deploys])


def _write_rows(path: Path, head: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows([head, *rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="folder; sim/ and hard/ are made in it")
    parser.add_argument("seeds", type=int, nargs="+")
    asked = parser.parse_args()
    for seed in asked.seeds:
        write(build(EASY, seed), asked.out / "sim" / f"seed{seed}")
        write(build(HARD, seed), asked.out / "hard" / f"seed{seed}")


if __name__ == "__main__":
    main()
