"""Releases that are noted by their errors, also by those that come late."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.contract.rule_store_contract import event, stored

from error_manager.core.types import PatternId, ProjectId
from error_manager.flows.analysis import note_releases
from error_manager.flows.analysis_services import AnalysisServices
from error_manager.storage.analysis_source import AnalysedProject
from error_manager.storage.memory_analysis_source import MemoryAnalysisSource
from error_manager.storage.memory_findings import MemoryFindings

PROJECT = AnalysedProject(id=ProjectId(1), organization_id=1)
NOW = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)


def _services(findings, *seen) -> AnalysisServices:
    """Return services over one error per (release, time)."""
    errors = [
        stored(number, replace(event(number), timestamp=at, release=release))
        for number, (release, at) in enumerate(seen)
    ]
    homes = {error.entry.fingerprint.group_id: PatternId(1) for error in errors}
    return AnalysisServices(
        source=MemoryAnalysisSource(errors, projects={PROJECT.id: 1}, homes=homes),
        findings=findings,
        inbox=None,
        clock=lambda: NOW,
        monotonic=time.monotonic,
        cpu_clock=time.process_time,
    )


async def test_a_release_is_noted_whose_first_error_comes_late() -> None:
    """It happened four hours before it was stored; releases were looked for meanwhile."""
    findings = MemoryFindings({PatternId(1): PROJECT.id})
    old, late = NOW - timedelta(days=3), NOW - timedelta(hours=4)
    await note_releases(_services(findings, ("1.0", old)), PROJECT, until=NOW)
    svc = _services(findings, ("1.0", old), ("1.1", late))
    await note_releases(svc, PROJECT, until=NOW + timedelta(minutes=1))
    changes = (await findings.changes(limit=9)).items
    assert [(change.version, change.at) for change in changes] == [("1.1", late), ("1.0", old)]
