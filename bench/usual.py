"""How much the band of what is usual holds: months of simulated patterns, learned from and held against.

``python -m bench.usual [--patterns N] [--seed N]``. Prints, per kind of pattern, the share of hours and days
inside the band of 80 %: of the month that it was learned from, and of the week after. Null: the band of
Poisson counts around the same means.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from error_manager.analysis.baseline import baseline, compact
from error_manager.analysis.usual import Usual, expected

Array = NDArray[np.float64]

START = datetime(2026, 1, 5, tzinfo=UTC)
MONTH_H, WEEK_H = 720, 168
KINDS = ((0.0, 0.0), (0.0, 0.5), (0.05, 0.0), (0.2, 0.2), (0.0, 5.0))
"""Relative variance of days and of hours."""
RATES = (0.05, 0.5, 3.0, 20.0, 200.0)


def simulate(
    rate: float, by_day: float, by_hour: float, *, is_flat: bool, patterns: int, rng: np.random.Generator
) -> Array:
    """Return hours of a month and a week; with a rhythm days are 0.3 to 1.7 and weekends a third."""
    time = np.arange(MONTH_H + WEEK_H)
    rhythm = (1 + 0.7 * np.sin(np.pi * time / 12)) * np.where(time // 24 % 7 >= 5, 0.4, 1.2)
    mean = rate * (np.ones(time.size) if is_flat else rhythm) * np.ones((patterns, 1))
    if by_day:
        days = rng.gamma(1 / by_day, by_day, (patterns, time.size // 24))
        mean = mean * np.repeat(days, 24, axis=1)
    if by_hour:
        mean = mean * rng.gamma(1 / by_hour, by_hour, mean.shape)
    return rng.poisson(mean).astype(np.float64)


def learn(hourly: Array) -> tuple[Usual, ...]:
    minutes = np.repeat(hourly[:, -24:] / 60, 60, axis=1)
    first = np.full(len(hourly), START.timestamp())
    known = baseline(hourly, minutes, start_s=START.timestamp(), first_seen_s=first)
    return compact(known, since=[START] * len(hourly), until=START + timedelta(hours=MONTH_H))


def held(usual: tuple[Usual, ...], hourly: Array, *, first: int, end: int, width: int) -> float:
    """Return the share of buckets of ``width`` hours whose count is in the band of 80 %."""
    starts = [START + timedelta(hours=at) for at in range(first, end, width)]
    counts = hourly[:, first:end].reshape(len(hourly), -1, width).sum(axis=2)
    inside = [
        one is not None and one.lower80 <= count <= one.upper80
        for mine, row in zip(usual, counts.tolist(), strict=True)
        for one, count in zip(
            expected(mine, starts, bucket_s=3_600 * width, now=START + timedelta(hours=end)), row, strict=True
        )
    ]
    return float(np.mean(inside))


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--patterns", type=int, default=60)
    words.add_argument("--seed", type=int, default=12)
    asked = words.parse_args()
    rng = np.random.default_rng(asked.seed)
    end = MONTH_H + WEEK_H
    print("an hour  rhythm  days  hours | hours: month, week; days: month, week; null: hours, days of month")
    for by_day, by_hour in KINDS:
        for rate in RATES:
            for is_flat in (True, False):
                hourly = simulate(rate, by_day, by_hour, is_flat=is_flat, patterns=asked.patterns, rng=rng)
                usual = learn(hourly[:, :MONTH_H])
                shares = [
                    held(usual, hourly, first=first, end=last, width=width)
                    for width in (1, 24)
                    for first, last in ((0, MONTH_H), (MONTH_H, end))
                ]
                null = tuple(replace(one, day_variance=0.0, hour_variance=0.0) for one in usual)
                shares += [held(null, hourly, first=0, end=MONTH_H, width=width) for width in (1, 24)]
                told = " ".join(f"{share:5.3f}" for share in shares)
                print(f"{rate:7g} {'no' if is_flat else 'yes':>7} {by_day:5g} {by_hour:6g} | {told}")


if __name__ == "__main__":
    main()
