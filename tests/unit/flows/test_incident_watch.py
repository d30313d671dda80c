"""Anomalies of one incident know what came first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tests.contract.finding_store_contract import NOW, ONE, PATTERNS, TWO, anomaly, correlation

from error_manager.flows import incident_watch
from error_manager.flows.incident_watch import INCIDENT, find_incidents
from error_manager.storage.analysis_source import AnalysedProject, newest_events
from error_manager.storage.findings import AnomalyFilter, CorrelationSet, Findings, Scale
from error_manager.storage.memory_findings import MemoryFindings

PROJECTS = [AnalysedProject(id=ONE, organization_id=1), AnalysedProject(id=TWO, organization_id=1)]
START = NOW.timestamp()


class Events:
    """Pattern 1 fails at random after NOW, 2 follows it after 4 s and 4 of another project after 9 s."""

    def __init__(self):
        self.reads = 0
        rng = np.random.default_rng(7)
        first = START + np.sort(rng.uniform(0, 1100, 80))
        second = first[rng.random(80) < 0.8] + 4
        fourth = first[rng.random(80) < 0.7] + 9
        self.of = {ONE: {1: first, 2: second, 3: np.zeros(0)}, TWO: {4: fourth}}

    async def events(self, project_id, *, since, until, newest):
        self.reads += 1
        found = self.of[project_id]
        return newest_events(
            np.concatenate([np.full(len(times), key) for key, times in found.items()]).astype(np.int64),
            np.concatenate(list(found.values())),
            newest=newest,
        )


@pytest.fixture
async def findings():
    """A store with the relations of the cascade, and one burst of each of its patterns."""
    store = MemoryFindings(PATTERNS)
    pairs = [
        replace(correlation(1, key, 0.8), gap_ms=lag, gap_low_ms=lag - 500, gap_high_ms=lag + 500)
        for key, lag in ((2, 4000), (4, 9000))
    ]
    bursts = [anomaly(0, key="2"), anomaly(0, key="1"), anomaly(1, project=TWO, key="4")]
    await store.keep(
        Findings(
            anomalies=tuple(replace(one, expected=0.01) for one in bursts),
            correlations=CorrelationSet(organization_id=1, rows=tuple(pairs)),
        )
    )
    return store


async def evidence(store):
    """Return the evidence of each pattern's anomaly."""
    page = await store.anomalies(AnomalyFilter(), limit=9, cursor=None)
    return {one.scope.key: one.evidence for one in page.items}


async def test_the_first_of_a_cascade_is_named_over_projects(findings):
    """One incident, its cause in the first place, the others explained by it."""
    source = Events()
    _, looked_at = await find_incidents(source, findings, PROJECTS, until=NOW + timedelta(hours=1))
    told = await evidence(findings)
    assert looked_at == 3
    assert len({one[INCIDENT] for one in told.values()}) == 1
    assert (told["1"]["place"], {told["2"]["place"], told["4"]["place"]}) == (1, {2, 3})
    assert (told["2"]["explained_by"], told["4"]["explained_by"]) == (1, 1)
    assert told["1"]["explained_by"] is None
    assert told["1"]["why"] == "x"


async def test_what_is_usual_is_a_rate_whatever_the_scale(findings, monkeypatch):
    """An anomaly that was told per hour expects a sixtieth of that in a minute."""
    asked = []
    rank = incident_watch.rank_causes

    def spy(*given, usual_per_s, **named):
        asked.append(dict(usual_per_s))
        return rank(*given, usual_per_s=usual_per_s, **named)

    monkeypatch.setattr(incident_watch, "rank_causes", spy)
    page = await findings.anomalies(AnomalyFilter(), limit=9, cursor=None)
    slow = tuple(replace(one, scale=Scale.HOUR, expected=0.6) for one in page.items)
    fresh = MemoryFindings(PATTERNS)
    await fresh.keep(Findings(anomalies=slow))
    for store in (findings, fresh):
        await find_incidents(Events(), store, PROJECTS, until=NOW + timedelta(hours=1))
    quick_rates, slow_rates = asked
    assert quick_rates == pytest.approx(slow_rates)
    assert list(quick_rates.values()) == pytest.approx([0.01 / 60] * 3)


async def test_a_pattern_of_which_the_beginning_is_missing_takes_no_part(findings, monkeypatch):
    """Of a flood only the newest errors are read: it would seem to have begun too late."""
    monkeypatch.setattr(incident_watch, "NEWEST", 75)
    await find_incidents(Events(), findings, PROJECTS, until=NOW + timedelta(hours=1))
    told = await evidence(findings)
    assert told["1"]["place"] == 0
    assert told["2"]["explained_by"] is None


async def test_what_was_told_is_not_looked_at_again(findings):
    """Until an anomaly is told anew, which has no place yet; one that is alone is not read for."""
    source, until = Events(), NOW + timedelta(hours=1)
    await find_incidents(source, findings, PROJECTS, until=until)
    reads = source.reads
    assert await find_incidents(source, findings, PROJECTS, until=until) == (None, 0)
    await findings.keep(Findings(anomalies=(anomaly(600, key="3"),)))
    await find_incidents(source, findings, PROJECTS, until=NOW + timedelta(days=1))
    assert source.reads == reads
    assert (await evidence(findings))["3"]["place"] == 0
    await findings.keep(Findings(anomalies=(anomaly(0, key="1"),)))
    await find_incidents(source, findings, PROJECTS, until=until)
    assert source.reads == reads + 2
