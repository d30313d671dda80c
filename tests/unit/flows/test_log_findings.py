import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from error_manager.analysis.diagnosis import Diagnoser
from error_manager.analysis.event_times import EventTimes
from error_manager.analysis.found import FoundPatterns
from error_manager.analysis.log_finding import StretchKind
from error_manager.core.types import Severity
from error_manager.flows.analyzing import LogAnalysis
from error_manager.flows.log_findings import find
from error_manager.flows.log_scan import LogScanner
from error_manager.runtime.wiring.knowledge import load_families
from error_manager.runtime.wiring.linear import compile_linear

START = datetime(2026, 11, 24, 1, tzinfo=UTC)
HOURS = 8
POOL, PAY, SLOW = "connection pool exhausted", "payment refused", "Read timed out"
NOISE = (
    (300, "INFO com.acme.Web: served page {n}"),
    (90, "WARN com.acme.Stock: stock of item {n} is low"),
    (40, "ERROR com.acme.Mail: mail {n} was refused"),
    (30, "WARN com.acme.Jobs: job {n} retried"),
    (50, "WARN com.acme.Auth: login of user {n} denied"),
    (8, f"ERROR com.acme.Rates: {SLOW} for host {{n}}"),
)


@pytest.fixture(scope="module")
def diagnoser():
    """Return what tells families, with the shipped knowledge."""
    return Diagnoser(load_families(), compile_linear)


def arrivals(rng, per_hour):
    """Yield times of a Poisson process, seconds since the start."""
    at = rng.expovariate(per_hour / 3600)
    while at < HOURS * 3600:
        yield at
        at += rng.expovariate(per_hour / 3600)


def structureless(seed):
    """Return lines that have nothing to do with each other."""
    rng = random.Random(seed)
    return [(at, text) for per_hour, text in NOISE for at in arrivals(rng, per_hour)]


def planted(seed):
    """Return the same with payments refused 4 s after most exhausted pools, and a burst at 06:00."""
    rng = random.Random(seed)
    lines = structureless(seed)
    for at in arrivals(rng, 5):
        lines.append((at, f"ERROR com.acme.Db: {POOL}, {{n}} waiting"))
        if rng.random() < 0.8:
            lines.append((at + rng.gauss(4, 0.2), f"ERROR com.acme.Pay: order {{n}}: {PAY}"))
    lines += [
        (5 * 3600 + rng.random() * 900, f"ERROR com.acme.Rates: {SLOW} for host {{n}}") for _ in range(300)
    ]
    return lines


def findings(lines, diagnoser, *, seed=1, parts="milliseconds"):
    """Return what is found in a log of these lines, and the texts of its patterns."""
    rng = random.Random(seed)
    texts = []
    for at, text in sorted(lines):
        written = (START + timedelta(seconds=at)).isoformat(" ", parts)[
            : 23 if parts == "milliseconds" else 19
        ]
        level, _, rest = text.format(n=rng.randrange(1000, 99_999)).partition(" ")
        texts.append(f"{written} {level} [main] {rest}")
    analysis = LogAnalysis(samples=1, keeps_rows=False)
    scanner = LogScanner(now=START, samples=1, keeps_numbers=False, keeps_times=True)
    analysis.add(0, scanner.scan("\n".join(texts).encode()))
    analysis.settle()
    patterns = analysis.patterns.ranked()
    found = find(patterns, analysis.times, analysis.patterns.range, diagnoser, np.random.default_rng(1))
    return found, {pattern.id: pattern.text for pattern in patterns}


@pytest.mark.parametrize("parts", ["milliseconds", "seconds"])
def test_a_planted_cascade_and_a_burst_are_all_that_is_found(diagnoser, parts):
    """The pair has direction and lag, the burst its time, the advice the cause; whole seconds do, too."""
    found, texts = findings(planted(4), diagnoser, parts=parts)
    assert [(POOL in texts[pair.cause], PAY in texts[pair.effect]) for pair in found.follows] == [
        (True, True)
    ]
    pair = found.follows[0]
    assert abs(pair.lag_s - 4) <= 0.6
    assert 0.6 <= pair.support / pair.occasions <= 1
    assert [(SLOW in texts[each.pattern], each.kind) for each in found.stretches] == [
        (True, StretchKind.BURST)
    ]
    burst = found.stretches[0]
    assert abs(burst.start_s - (START.timestamp() + 5 * 3600)) <= 180
    assert abs(burst.end_s - burst.start_s - 900) <= 240
    advice = {texts[each.pattern]: each for each in found.advice}
    paid = next(each for text, each in advice.items() if PAY in text)
    assert paid.action.startswith('Mend "connection pool exhausted')
    pool = next(each for text, each in advice.items() if POOL in text)
    assert (pool.family, pool.is_check, len(pool.checks)) == ("No free connection in the pool", True, 2)


def test_nothing_is_found_in_a_structureless_log(diagnoser):
    """No pair and no stretch where nothing was planted."""
    found, _ = findings(structureless(11), diagnoser)
    assert (found.follows, found.stretches) == ((), ())


def test_relations_between_harmless_patterns_are_not_told(diagnoser):
    """That one page follows another is no finding; that an error follows a page is."""
    rng = random.Random(2)
    lines = structureless(12)
    for at in arrivals(rng, 5):
        lines += [(at, "INFO com.acme.A: cache emptied {n}"), (at + 3, "INFO com.acme.B: cache filled {n}")]
        lines.append((at + 9, "ERROR com.acme.C: key {n} of cache is gone"))
    found, texts = findings(lines, diagnoser)
    pairs = {(texts[pair.cause].split(" <")[0], texts[pair.effect].split(" <")[0]) for pair in found.follows}
    assert pairs
    assert all("key" in effect for _, effect in pairs)


def test_without_times_there_is_advice_alone(diagnoser):
    """A log without times says what its errors are, and that the rest is not known."""
    patterns = FoundPatterns()
    patterns.add(
        "E1", text="No space left on device", samples=["No space left on device"], severity=Severity.ERROR
    )
    patterns.add("E2", text="all is well", severity=Severity.INFO)
    found = find(patterns.ranked(), EventTimes(), patterns.range, diagnoser, np.random.default_rng(1))
    assert [each.pattern for each in found.advice] == ["E1"]
    assert (found.follows, found.stretches) == ((), ())
    assert "no times" in found.note


def test_an_empty_log(diagnoser):
    """Nothing in, nothing out."""
    patterns = FoundPatterns()
    found = find(patterns.ranked(), EventTimes(), patterns.range, diagnoser, np.random.default_rng(1))
    assert (found.follows, found.stretches, found.advice) == ((), (), ())
