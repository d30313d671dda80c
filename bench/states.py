"""How steady states are, and how fast they are told: simulated patterns, looked at every five minutes.

``python -m bench.states [--days N] [--patterns N] [--seed N]``. Prints changes of state per pattern-month by
rate at a constant level (flat or with a daily rhythm), false change points per series-month, how many planted
rises, stops and fades are found and after how long, and the processor time of each step for 2,000 patterns.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from error_manager.analysis.baseline import baseline, departures
from error_manager.analysis.change_point import change_points
from error_manager.analysis.frequency import frequencies, state_facts
from error_manager.analysis.pattern_state import StateChange, next_state
from error_manager.analysis.season import hour_of_week, seasons

Array = NDArray[np.float64]

START_S = 1_767_225_600.0  # 2026-01-01
HISTORY_H = 720
DAY_MIN = 1440
BANDS = ((0.01, 0.1), (0.1, 1.0), (1.0, 10.0), (10.0, 100.0), (100.0, 500.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """Minutes of patterns that have been there for ``HISTORY_H`` hours before the first look."""

    rates: Array
    minutes: Array


def day_curve() -> Array:
    hours = np.arange(24)
    curve = 0.25 + 1.5 * np.maximum(0.0, np.sin(np.pi * (hours - 5) / 19)) ** 1.6
    return np.asarray(curve / curve.mean())


def rates_of(patterns: int, rng: np.random.Generator) -> Array:
    return np.exp(rng.uniform(np.log(0.01), np.log(500.0), patterns))


def simulate(rates: Array, days: int, factor: Array, *, wild: float, rng: np.random.Generator) -> Simulated:
    """Draw minutes, every other pattern with a daily rhythm; ``wild``: relative variance of hours."""
    hours = HISTORY_H + 24 * days
    weekhour = hour_of_week(START_S, hours)
    has_rhythm = np.arange(len(rates)) % 2 == 1
    mean = rates[:, None] * np.where(has_rhythm[:, None], day_curve()[weekhour % 24], 1.0) * factor
    if wild > 0:
        mean = mean * rng.gamma(1.0 / wild, wild, mean.shape)
    return Simulated(rates=rates, minutes=rng.poisson(np.repeat(mean / 60.0, 60, axis=1)).astype(np.float64))


def follow(made: Simulated, *, every_min: int = 5) -> list[list[StateChange]]:
    """Return the changes of state of each pattern after the first look; what is usual is taken each hour."""
    minutes = made.minutes
    rows, total = minutes.shape
    hourly = minutes.reshape(rows, -1, 60).sum(axis=2)
    stamps = START_S + 60.0 * np.arange(1, total + 1)
    last = np.maximum.accumulate(np.where(minutes > 0, stamps, 0.0), axis=1)
    first_s = np.where(minutes.any(axis=1), stamps[(minutes > 0).argmax(axis=1)], np.inf)
    states: list[StateChange | None] = [None] * rows
    told: list[list[StateChange]] = [[] for _ in range(rows)]
    known = None
    for at in range(HISTORY_H * 60, total + 1, every_min):
        hour = at // 60
        if known is None or at % 60 == 0:
            past = hourly[:, hour - HISTORY_H : hour]
            from_s = START_S + 3600.0 * (hour - HISTORY_H)
            known = baseline(
                past, minutes[:, hour * 60 - DAY_MIN : hour * 60], start_s=from_s, first_seen_s=first_s
            )
        end_s = START_S + 60.0 * at
        found = departures(
            known,
            hourly[:, hour - HISTORY_H : hour],
            minutes[:, at - DAY_MIN : at],
            end_s=end_s,
            last_seen_s=last[:, at - 1],
        )
        seen = [bool(value) for value in first_s <= end_s]
        never = START_S
        facts = state_facts(
            found,
            known,
            first_seen=tuple(moment(s if there else never) for s, there in zip(first_s, seen, strict=True)),
            last_seen=tuple(
                moment(s if there else never) for s, there in zip(last[:, at - 1], seen, strict=True)
            ),
            resolved_at=(None,) * rows,
            returned_at=(None,) * rows,
            is_collected=True,
        )
        for row in range(rows):
            if not seen[row]:
                continue
            was = states[row]
            now = states[row] = next_state(was, facts[row], moment(end_s))
            if was is not None and now.is_changed:
                told[row].append(now)
    return told


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(float(seconds), UTC)


def flips(patterns: int, days: int, seed: int) -> None:
    print(
        f"changes of state per pattern-month, level constant; {patterns} patterns, {days} days, seed {seed}"
    )
    for wild in (0.0, 0.1):
        rng = np.random.default_rng(seed)
        rates = rates_of(patterns, rng)
        made = simulate(rates, days, np.ones((patterns, 1)), wild=wild, rng=rng)
        told = follow(made)
        months = days / 30.0
        kinds = Counter(change.state.value for changes in told for change in changes)
        for low, high in BANDS:
            inside = [row for row in range(patterns) if low <= rates[row] < high]
            count = sum(len(told[row]) for row in inside)
            print(
                f"  wild {wild}  {low:>6} to {high:>5}/h  {len(inside):4d} patterns  "
                f"{count / len(inside) / months:.3f}"
            )
        print(f"  wild {wild}  all {sum(map(len, told)) / patterns / months:.4f}  {dict(kinds)}")


def shapes(days: int, seed: int) -> None:
    """Print the changes of state of patterns that are no Poisson stream: jobs, office hours, bursts."""
    rng = np.random.default_rng(seed)
    hours = HISTORY_H + 24 * days
    weekhour = hour_of_week(START_S, hours)
    each = 10
    zero = np.zeros((each, hours * 60))
    nightly, weekly, bursts = zero.copy(), zero.copy(), zero.copy()
    for row in range(each):
        size = float(np.exp(rng.uniform(np.log(5.0), np.log(500.0))))
        for hour in np.flatnonzero(weekhour % 24 == 2):
            start = hour * 60 + int(rng.integers(0, 10))
            nightly[row, start : start + 15] += rng.poisson(size / 15.0, 15)
        for hour in np.flatnonzero(weekhour == 30):
            weekly[row, hour * 60 : hour * 60 + 30] += rng.poisson(size / 30.0, 30)
        for start in np.flatnonzero(rng.random(hours * 60 - 30) < 1.0 / (DAY_MIN * 2)):
            bursts[row, start : start + 30] += rng.poisson(rng.exponential(size) / 30.0, 30)
    office = np.where((weekhour < 120) & (weekhour % 24 >= 8) & (weekhour % 24 < 18), 2.4, 0.05)
    rates = rates_of(each, rng)
    working = simulate(rates, days, office[None, :], wild=0.05, rng=rng).minutes
    drift = np.exp(np.cumsum(rng.normal(0.0, 0.15, (each, hours // 24 + 1)), axis=1)).repeat(24, axis=1)
    drifting = simulate(rates, days, drift[:, :hours], wild=0.1, rng=rng).minutes
    print(f"changes of state per pattern-month of other kinds; {each} patterns each, {days} days")
    for name, minutes in (
        ("nightly job of 15 minutes", nightly),
        ("weekly job", weekly),
        ("office hours", working),
        ("bursts every other day", bursts),
        ("level drifts 15 % a day", drifting),
    ):
        told = follow(Simulated(rates=rates, minutes=minutes))
        kinds = Counter(change.state.value for changes in told for change in changes)
        print(f"  {name:26} {sum(map(len, told)) / each / (days / 30.0):.2f}  {dict(kinds)}")


def planted(patterns: int, seed: int) -> None:
    print("planted on day 3 of 6: share found as what it is, median minutes until told")
    for name, state, times in (
        ("x3 for a day", "rising", 3.0),
        ("x10 for a day", "rising", 10.0),
        ("stop", "silent", 0.0),
        ("to a fifth", "fading", 0.2),
    ):
        rng = np.random.default_rng(seed)
        rates = rates_of(patterns, rng)
        at = HISTORY_H + 48
        factor = np.ones((patterns, HISTORY_H + 144))
        factor[:, at : (at + 24 if times > 1 else None)] = times
        told = follow(simulate(rates, 6, factor, wild=0.0, rng=rng))
        for low, high in BANDS[1:]:
            inside = [row for row in range(patterns) if low <= rates[row] < high]
            delays = [
                (hits[0].noticed_at.timestamp() - START_S) / 60.0 - at * 60.0
                for row in inside
                if (hits := [change for change in told[row] if change.state.value == state])
            ]
            more = sum(len(told[row]) for row in inside) / len(inside)
            middle = float(np.median(delays)) if delays else float("nan")
            print(
                f"  {name:14} {low:>5} to {high:>5}/h  found {len(delays) / len(inside):.2f}  "
                f"after {middle:.0f} min  changes {more:.2f}"
            )


def false_changes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rates = rates_of(2000, rng)
    for wild in (0.0, 0.1, 0.5):
        made = simulate_hours(rates, wild, rng)
        profile = seasons(made, START_S).profile[:, hour_of_week(START_S, HISTORY_H)]
        found = sum(map(len, change_points(made, profile)))
        print(f"false change points per series-month, wild {wild}: {found / len(rates):.4f}")


def simulate_hours(rates: Array, wild: float, rng: np.random.Generator) -> Array:
    weekhour = hour_of_week(START_S, HISTORY_H)
    has_rhythm = np.arange(len(rates)) % 2 == 1
    mean = rates[:, None] * np.where(has_rhythm[:, None], day_curve()[weekhour % 24], 1.0)
    if wild > 0:
        mean = mean * rng.gamma(1.0 / wild, wild, mean.shape)
    return rng.poisson(mean).astype(np.float64)


def cost(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rates = rates_of(2000, rng)
    hourly = simulate_hours(rates, 0.0, rng)
    minutes = rng.poisson(np.repeat(rates[:, None] / 60.0, DAY_MIN, axis=1)).astype(np.float64)
    first_s = np.full(len(rates), START_S)
    end_s = START_S + 3600.0 * HISTORY_H
    spent = {}
    began = time.process_time()
    known = baseline(hourly, minutes, start_s=START_S, first_seen_s=first_s)
    spent["baseline"] = time.process_time() - began
    began = time.process_time()
    frequencies(hourly, minutes, known, start_s=START_S, first_seen_s=first_s)
    spent["frequencies"] = time.process_time() - began
    began = time.process_time()
    found = departures(
        known, hourly[:, -168:], minutes, end_s=end_s, last_seen_s=np.full(len(rates), end_s - 60.0)
    )
    spent["departures"] = time.process_time() - began
    began = time.process_time()
    seen = (moment(end_s - 60.0),) * len(rates)
    facts = state_facts(
        found,
        known,
        first_seen=(moment(START_S),) * len(rates),
        last_seen=seen,
        resolved_at=(None,) * len(rates),
        returned_at=(None,) * len(rates),
        is_collected=True,
    )
    for one in facts:
        next_state(None, one, moment(end_s))
    spent["states"] = time.process_time() - began
    print(
        "processor seconds for 2,000 patterns:",
        ", ".join(f"{name} {took:.2f}" for name, took in spent.items()),
    )


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--days", type=int, default=30)
    words.add_argument("--patterns", type=int, default=200)
    words.add_argument("--seed", type=int, default=11)
    asked = words.parse_args()
    cost(asked.seed)
    false_changes(asked.seed)
    planted(asked.patterns, asked.seed)
    shapes(asked.days, asked.seed)
    flips(asked.patterns, asked.days, asked.seed)


if __name__ == "__main__":
    main()
