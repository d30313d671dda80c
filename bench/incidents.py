"""The demo's planted incidents against what the analysis finds, end to end through its flows.

``python -m bench.incidents [--errors N] [--seeds N ...] [--step-hours N] [--list]``. The demo's errors are
made, not stored (``bench/moment_source.py``); the flows of the product watch them hour after hour and keep
what they find in the memory twin. Relations are looked for at the end of each day, and all that were ever
told count. Scored: each incident found as an anomaly of its pattern, of a fitting kind and begun within it;
the chain of causes with direction and lag (25 %); the suspect release; and what is told beside the truth.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from bench.moment_source import OWNERS, PATTERNS, PROJECTS, MomentSource

from error_manager.flows.analysis import analyze_minutes
from error_manager.flows.analysis_services import AnalysisServices
from error_manager.flows.rate_watch import RateWatch
from error_manager.flows.relations import find_relations
from error_manager.flows.state_watch import StateWatch
from error_manager.runtime.demo.schedule import (
    DAYS,
    RESOLVED_FAULT,
    Incident,
    fixed_at,
    incidents,
    moments,
)
from error_manager.runtime.wiring.knowledge import load_diagnoser
from error_manager.storage.base import Cursor, InboxBatch
from error_manager.storage.findings import (
    Anomaly,
    AnomalyFilter,
    Change,
    CorrelationFilter,
    CorrelationRow,
    Findings,
    ScopeKind,
)
from error_manager.storage.memory_findings import MemoryFindings

START = datetime(2026, 3, 2, tzinfo=UTC)
KINDS = {
    "noisy_bot": {"birth", "burst"},
    "pool_exhausted": {"birth", "burst"},
    "slow_leak": {"birth", "growth", "step", "burst"},
    "bad_release": {"birth", "burst", "step"},
    "silent_batch": {"silence"},
    "certificate_expired": {"birth", "burst"},
    "rate_limited": {"birth", "burst"},
    "regression": {"birth", "burst", "step"},
}
"""What an incident may be told as. A fault that never was before is born; a burst, where it was there."""
EARLY = timedelta(minutes=15)
LATE = timedelta(minutes=30)
"""What begins so long before or after an incident is still of it: a minute's windows reach back."""
OVER = timedelta(hours=3)
"""That a lasting incident is over may be told as a silence or a fall so long after its end."""
LAG_ERROR = 0.25
NAMES = {number: key for key, number in PATTERNS.items()}
_SLUGS = {number: slug for slug, number in PROJECTS.items()}
_ALL = 10_000


class NoInbox:
    """``InboxSource`` in which nothing waits."""

    def slots(self) -> tuple[int, ...]:
        return ()

    def claim(self, slot: int, cursor: Cursor, *, limit: int) -> InboxBatch | None:
        del slot, cursor, limit
        return None


@dataclass
class Found:
    """What the analysis told in two weeks."""

    anomalies: tuple[Anomaly, ...] = ()
    relations: dict[tuple[object, ...], CorrelationRow] = field(default_factory=dict)
    last: tuple[CorrelationRow, ...] = ()
    changes: dict[int, Change] = field(default_factory=dict)
    minutes_s: float = 0.0
    relations_s: float = 0.0


async def watch(seed: int, errors: int, step: timedelta) -> tuple[Found, MomentSource]:
    """Let the flows watch a demo; return what they told, and what they read."""
    end = START + timedelta(days=DAYS)
    source = MomentSource(moments(START, end, errors=errors, rng=Random(seed)), START, seed=seed)
    store, found = MemoryFindings(OWNERS), Found()
    svc = AnalysisServices(
        source=source,
        findings=store,
        inbox=NoInbox(),
        rates=RateWatch(source, store),
        states=StateWatch(source, store),
        load_diagnoser=load_diagnoser,
        index=None,
        clock=lambda: source.now + timedelta(minutes=2),
        monotonic=time.monotonic,
        cpu_clock=time.process_time,
    )
    projects = await source.projects()
    while source.now < end:
        source.now = min(end, source.now + step)
        began = time.process_time()
        await analyze_minutes(svc)
        found.minutes_s += time.process_time() - began
        if source.now.hour == 0:
            began = time.process_time()
            related, _ = await find_relations(source, store, 1, projects, until=source.now)
            await store.keep(Findings(correlations=related))
            found.last = (await store.correlations(CorrelationFilter(), limit=_ALL, cursor=None)).items
            found.relations |= {(row.change_id, row.first, row.second): row for row in found.last}
            found.relations_s += time.process_time() - began
    found.anomalies = (await store.anomalies(AnomalyFilter(), limit=_ALL, cursor=None)).items
    found.changes = {change.id: change for change in (await store.changes(limit=_ALL)).items}
    return found, source


# --- scores -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Score:
    """One demo's score; ``rows`` are (incident, what is missing or "", what was told)."""

    rows: list[tuple[str, str, str]]
    false_anomalies: list[str]
    false_relations: list[str]
    repeats: list[str]


def score(found: Found, source: MomentSource) -> Score:
    """Compare what was told with what was planted."""
    planted = incidents(START)
    rows = [_judge(incident, found) for incident in planted]
    mine = [(one, _incident_of(one, planted, source)) for one in found.anomalies]
    told = Counter((kind, name(one)) for one, kind in mine if kind and one.scope.kind is ScopeKind.PATTERN)
    return Score(
        rows=rows,
        false_anomalies=[describe(one) for one, kind in mine if kind is None],
        false_relations=[
            describe_relation(row, found) for row in found.relations.values() if not _is_planted(row, found)
        ],
        repeats=[f"{what} {times} times ({kind})" for (kind, what), times in told.items() if times > 1],
    )


def _judge(incident: Incident, found: Found) -> tuple[str, str, str]:
    missing, told = [], []
    for key in incident.faults:
        own = [
            one
            for one in found.anomalies
            if one.scope.kind is ScopeKind.PATTERN
            and int(one.scope.key) == PATTERNS[key]
            and one.kind in KINDS[incident.kind]
            and incident.start - EARLY <= one.started_at <= incident.end
        ]
        if own:
            first = min(own, key=lambda one: one.detected_at)
            after = (first.detected_at - incident.start) / timedelta(minutes=1)
            told.append(f"{key} {first.kind} score {first.score:.0f} after {after:.0f} min")
        else:
            missing.append(key)
    if incident.lag_s:
        missing += _missing_links(incident, found, told)
    if incident.release:
        missing += _missing_release(incident, found, told)
    return incident.kind, ", ".join(missing), "; ".join(told)


def _missing_links(incident: Incident, found: Found, told: list[str]) -> list[str]:
    """Return what is missing of the chain: its cause with each effect, or through the one in between."""
    lags = dict(zip(incident.faults, incident.lag_s, strict=True))
    links = {
        (NAMES[row.first.pattern_id], NAMES[row.second.pattern_id]): row
        for row in found.last
        if row.first.pattern_id and row.second.pattern_id
    }
    missing = []
    for effect in incident.faults[1:]:
        fits = []
        for cause in incident.faults:
            row = links.get((cause, effect))
            wanted = lags[effect] - lags[cause]
            if row is not None and wanted > 0:
                told.append(
                    f"{cause} -> {effect} {row.gap_ms / 1000:.1f} s "
                    f"({row.support} of {row.trials}, {row.score})"
                )
                fits.append(abs(row.gap_ms / 1000 - wanted) <= LAG_ERROR * wanted)
        if not any(fits):
            missing.append(f"-> {effect}")
    return missing


def _missing_release(incident: Incident, found: Found, told: list[str]) -> list[str]:
    missing = []
    for key in incident.faults:
        rows = [row for row in found.last if row.change_id and row.second.pattern_id == PATTERNS[key]]
        best = max(rows, key=lambda row: row.score, default=None)
        change = found.changes[best.change_id] if best and best.change_id else None
        if best and change and change.version == incident.release:
            told.append(f"{change.version} ({change.environment}) -> {key} {best.kind} {best.score}")
        else:
            missing.append(f"{incident.release} -> {key}")
    return missing


def _incident_of(one: Anomaly, planted: Sequence[Incident], source: MomentSource) -> str | None:
    """Return the incident an anomaly is of, by its series and when it began; None = it was not planted.

    The series of a pattern's module, project and severity move with it. That the resolved fault is gone
    until a release brings it back is planted, too.
    """
    for incident in planted:
        late = OVER if one.kind in {"silence", "step"} and one.observed < one.expected else LATE
        if incident.start - EARLY <= one.started_at <= incident.end + late:
            for key in incident.faults:
                if _concerns(one, key, source):
                    return incident.kind
    is_mended = fixed_at(START) - timedelta(hours=6) - EARLY <= one.started_at
    is_mended &= one.kind in {"silence", "step"} and one.scope.kind in {ScopeKind.PATTERN, ScopeKind.MODULE}
    return "mended" if is_mended and _concerns(one, RESOLVED_FAULT, source) else None


def _concerns(one: Anomaly, key: str, source: MomentSource) -> bool:
    fact = source.facts[PATTERNS[key]]
    if one.scope.project_id != OWNERS[fact.id]:
        return False
    match one.scope.kind:
        case ScopeKind.PATTERN:
            return int(one.scope.key) == fact.id
        case ScopeKind.MODULE:
            return one.scope.key == fact.module
        case ScopeKind.SEVERITY:
            return one.scope.key == fact.severity.value
        case _:
            return True


def _is_planted(row: CorrelationRow, found: Found) -> bool:
    effect = NAMES[row.second.pattern_id] if row.second.pattern_id else ""
    for incident in incidents(START):
        if effect not in incident.faults:
            continue
        if row.change_id is not None:
            if found.changes[row.change_id].version == incident.release:
                return True
        elif row.first.pattern_id and NAMES[row.first.pattern_id] in incident.faults and incident.lag_s:
            return incident.faults.index(NAMES[row.first.pattern_id]) < incident.faults.index(effect)
    return False


def name(one: Anomaly) -> str:
    """Return what a series is called."""
    if one.scope.kind is ScopeKind.PATTERN:
        return NAMES[int(one.scope.key)]  # type: ignore[index]  # an id is a number
    return f"{_SLUGS[one.scope.project_id]} {one.scope.kind.value} {one.scope.key}".strip()


def describe(one: Anomaly) -> str:
    """Return an anomaly in a line."""
    at = one.started_at - START
    hours = at.seconds / 3600
    lasted = (
        "open" if one.ended_at is None else f"{(one.ended_at - one.started_at) / timedelta(hours=1):.1f} h"
    )
    return (
        f"{name(one):40} {one.kind:8} day {at.days} {hours:04.1f} h, {lasted}, score {one.score:.0f}, "
        f"{one.observed:.2f} for {one.expected:.3f} a minute"
    )


def describe_relation(row: CorrelationRow, found: Found) -> str:
    """Return a relation in a line."""
    change = found.changes.get(row.change_id or 0)
    first = f"{change.version} ({change.environment})" if change else NAMES[row.first.pattern_id or 0]  # type: ignore[index]
    second = NAMES[row.second.pattern_id or 0]  # type: ignore[index]  # an id is a number
    day = (row.created_at - START) / timedelta(days=1)
    return (
        f"{first} -> {second} {row.kind} {row.score} gap {row.gap_ms / 1000:.1f} s, "
        f"{row.support} of {row.trials}, lift {row.lift:.1f}, on day {day:.0f}"
    )


def main() -> None:
    """Print a table per seed."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    words.add_argument("--errors", type=int, default=200_000)
    words.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    words.add_argument("--step-hours", type=float, default=6.0)
    words.add_argument("--list", action="store_true", help="print every anomaly")
    asked = words.parse_args()
    for seed in asked.seeds:
        found, source = asyncio.run(watch(seed, asked.errors, timedelta(hours=asked.step_hours)))
        told = score(found, source)
        whole = sum(not missing for _, missing, _ in told.rows)
        print(
            f"seed {seed}, {asked.errors:,} errors: {whole} of {len(told.rows)} incidents whole; "
            f"outside the truth {len(told.false_anomalies)} anomalies, "
            f"{len(told.false_relations)} relations; "
            f"{len(found.anomalies)} anomalies told; processor s: minutes {found.minutes_s:.0f}, "
            f"relations {found.relations_s:.0f}"
        )
        for kind, missing, what in told.rows:
            print(f"  {kind:20} {'MISSING ' + missing + ' | ' if missing else ''}{what}")
        for title, lines in (
            ("anomaly outside", told.false_anomalies),
            ("relation outside", told.false_relations),
            ("repeated", told.repeats),
        ):
            for line in lines:
                print(f"  {title}: {line}")
        if asked.list:
            for one in sorted(found.anomalies, key=lambda one: one.started_at):
                print(f"    {describe(one)}")


if __name__ == "__main__":
    main()
