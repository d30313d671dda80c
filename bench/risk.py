"""The order of the risk score against the demo's judgement, and how still it is when nothing happens.

``python -m bench.risk [--errors N] [--seeds N ...] [--patterns N] [--list]``. The demo's errors are made, not
stored: counts, users, hosts and relations of each fault are taken from them, scored as of the end of the two
weeks, and compared with ``risk_rank`` (Kendall's tau-b; the null is the order by number of errors).
Steadiness: patterns of constant rate, scored once a day for a month.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
from bench.states import START_S, rates_of, simulate_hours
from numpy.typing import NDArray

from error_manager.analysis.baseline import baseline
from error_manager.analysis.frequency import frequencies
from error_manager.analysis.risk import RiskFacts, RiskScore, risk, steady_ratio
from error_manager.core.types import Severity
from error_manager.runtime.demo.bodies import BodyMaker
from error_manager.runtime.demo.faults import FAULTS
from error_manager.runtime.demo.schedule import DAYS, RESOLVED_FAULT, fixed_at, moments

Array = NDArray[np.float64]

START = datetime(2026, 3, 2, tzinfo=UTC)
END = START + timedelta(days=DAYS)
_FOLLOWS_S = 15.0


@dataclass
class Seen:
    """What the demo's errors of one fault say."""

    times: list[float] = field(default_factory=list)
    users: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)
    unhandled: int = 0
    severity: str = "error"
    service: str = ""


def tau(scores: Mapping[str, float], ranks: Mapping[str, int]) -> float:
    """Return Kendall's tau-b of scores (high = risky) and ranks (1 = riskiest), over the keys of ``scores``.

    Source:
        M. G. Kendall, Biometrika 33 (1945) 239-251.
    """
    keys = sorted(scores)
    agree = ties_score = ties_rank = pairs = 0
    for place, one in enumerate(keys):
        for other in keys[place + 1 :]:
            by_score = np.sign(scores[one] - scores[other])
            by_rank = np.sign(ranks[other] - ranks[one])
            pairs += 1
            ties_score += by_score == 0
            ties_rank += by_rank == 0
            agree += int(by_score * by_rank)
    return float(agree / math.sqrt((pairs - ties_score) * (pairs - ties_rank)))


def look_at_demo(errors: int, seed: int) -> dict[str, Seen]:
    maker = BodyMaker(START, seed=seed, name=str(seed))
    found: dict[str, Seen] = defaultdict(Seen)
    for index, moment in enumerate(moments(START, END, errors=errors, rng=Random(seed))):
        body = json.loads(maker.body(moment, index)[1])
        seen = found[moment.fault.key]
        seen.times.append(moment.at.timestamp())
        seen.users.add(body["user"]["id"])
        seen.hosts.add(body["server_name"])
        seen.unhandled += not body["exceptions"][-1]["is_handled"]
        seen.severity, seen.service = body["severity"], body["service"]
    return found


def demo_scores(found: Mapping[str, Seen]) -> dict[str, RiskScore]:
    """Return the score of each fault at the end of the demo, nobody having set a business weight."""
    keys = sorted(found)
    times = [np.sort(np.asarray(found[key].times)) for key in keys]
    start_s, hours = START.timestamp(), 24 * DAYS
    hourly = np.stack([np.histogram(one, bins=hours, range=(start_s, END.timestamp()))[0] for one in times])
    last_day = (END.timestamp() - 86_400, END.timestamp())
    minutes = np.stack([np.histogram(one, bins=1440, range=last_day)[0] for one in times]).astype(np.float64)
    # A fault that was there when the demo began is older than it.
    births = np.asarray([one[0] if one[0] > start_s + 86_400 else start_s - 30 * 86_400 for one in times])
    counts = hourly.astype(np.float64)
    known = baseline(counts[:, :-24], minutes, start_s=start_s, first_seen_s=births)
    moves = frequencies(counts, minutes, known, start_s=start_s, first_seen_s=births)
    people: dict[str, set[str]] = defaultdict(set)
    for seen in found.values():
        people[seen.service] |= seen.users
    leads = causes(times)
    return {
        key: risk(
            RiskFacts(
                severity=Severity(found[key].severity),
                rate_ratio=steady_ratio(float(counts[row, -24:].sum()), float(known.level[row] * 24)),
                growth_log2_per_week=moves[row].trend.safe_log2,
                errors_per_day=len(times[row]) / DAYS,
                users=len(found[key].users),
                user_share=len(found[key].users) / len(people[found[key].service]),
                hosts=len(found[key].hosts),
                age_days=(END.timestamp() - births[row]) / 86_400,
                regressed_days=_regressed_days(key, times[row]),
                unhandled_share=found[key].unhandled / len(times[row]),
                causes=leads[row],
            )
        )
        for row, key in enumerate(keys)
    }


def causes(times: Sequence[Array]) -> list[float]:
    """Return how surely others follow each series: the sum of what one lag brings beyond other lags.

    A plain stand-in for the correlation engine: errors of the other within four seconds around the best lag
    up to 15 s, less the mean of such windows at lags from -40 to 40 s; under 0.3 an error it counts nothing.
    """
    lags = np.arange(-40.0, 41.0)
    leads = []
    for row, first in enumerate(times):
        total = 0.0
        for other, second in enumerate(times):
            if other == row or len(first) < 20:
                continue
            starts = first[:, None] + lags[None, :] - 2.0
            found = (np.searchsorted(second, starts + 4.0) - np.searchsorted(second, starts)).mean(axis=0)
            best = int(found[(lags > 0) & (lags <= _FOLLOWS_S)].argmax()) + 1
            far = np.abs(lags - best) > 6.0
            excess = float(found[lags == best][0] - found[far].mean())
            total += min(excess, 1.0) if excess > 0.3 else 0.0
        leads.append(total)
    return leads


def _regressed_days(key: str, times: Array) -> float | None:
    if key != RESOLVED_FAULT:
        return None
    back = times[times >= fixed_at(START).timestamp()]
    return float((END.timestamp() - back[0]) / 86_400) if len(back) else None


def steadiness(patterns: int, seed: int) -> None:
    """Print how far the score of patterns moves from one day to the next when nothing happens."""
    for wild in (0.0, 0.1):
        rng = np.random.default_rng(seed)
        rates = rates_of(patterns, rng)
        month = [simulate_hours(rates, wild, rng) for _ in range(2)]
        hourly = np.concatenate(month, axis=1)
        severities = rng.choice([one.value for one in Severity], patterns)
        people = rng.zipf(1.6, 200_000) % 24_000
        told: Array = np.full((31, patterns), np.nan)
        for day in range(31):
            past = hourly[:, day * 24 : day * 24 + 720]
            minutes = np.repeat(past[:, -24:] / 60.0, 60, axis=1)
            start_s = START_S + 86_400.0 * day
            births = np.full(patterns, START_S - 86_400.0 * 30)
            known = baseline(past[:, :-24], minutes, start_s=start_s, first_seen_s=births)
            moves = frequencies(past, minutes, known, start_s=start_s, first_seen_s=births)
            for row in range(patterns):
                errors = int(past[row].sum())
                users = len(np.unique(people[rng.integers(0, len(people), min(errors, 20_000))]))
                facts = RiskFacts(
                    severity=Severity(severities[row]),
                    rate_ratio=steady_ratio(float(past[row, -24:].sum()), float(known.level[row] * 24)),
                    growth_log2_per_week=moves[row].trend.safe_log2,
                    errors_per_day=errors / 30.0,
                    users=users,
                    user_share=users / 24_000,
                    hosts=2,
                    age_days=30.0 + day,
                )
                told[day, row] = risk(facts).value
        moved = np.abs(np.diff(told, axis=0))
        print(
            f"constant rate, wild {wild}: largest change per day over 30 days <= 5 for "
            f"{100 * (moved.max(axis=0) <= 5).mean():.1f} % of {patterns} patterns; "
            f"95th percentile of changes {np.quantile(moved, 0.95):.2f}, largest {moved.max():.2f}"
        )


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--errors", type=int, default=40_000)
    words.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    words.add_argument("--patterns", type=int, default=400)
    words.add_argument(
        "--list", action="store_true", help="print the order of the first seed with its reasons"
    )
    asked = words.parse_args()
    ranks = {fault.key: fault.risk_rank for fault in FAULTS}
    for seed in asked.seeds:
        found = look_at_demo(asked.errors, seed)
        scores = demo_scores(found)
        null = {key: float(len(seen.times)) for key, seen in found.items()}
        print(
            f"demo of {asked.errors:,} errors, seed {seed}: tau {tau(_values(scores), ranks):.3f}; "
            f"by number of errors {tau(null, ranks):.3f}"
        )
        if asked.list and seed == asked.seeds[0]:
            for key in sorted(scores, key=lambda key: -scores[key].value):
                print(f"  {scores[key].value:5.1f} {ranks[key]:3d} {key:20} {', '.join(scores[key].why)}")
    steadiness(asked.patterns, asked.seeds[0])


def _values(scores: Mapping[str, RiskScore]) -> dict[str, float]:
    return {key: score.value for key, score in scores.items()}


if __name__ == "__main__":
    main()
