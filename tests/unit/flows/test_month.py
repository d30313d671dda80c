"""The month of a project: which patterns it looks at when there are too many, and what its sums hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from error_manager.core.types import PatternId, PatternStatus, ProjectId, Severity
from error_manager.flows.month import read_month
from error_manager.storage.analysis_source import AnalysedProject, CountRows, PatternFact

UNTIL = datetime(2026, 5, 4, 12, tzinfo=UTC)
PROJECT = AnalysedProject(id=ProjectId(1), organization_id=1)
MODULES = {1: "pay", 2: "pay", 3: "mail", 4: "load"}
COUNTS = {1: (20, 90.0), 2: (3, 2.0), 3: (1, 1.0), 4: (20, 8.0)}
"""Of each pattern: how many days ago, and how many errors."""


class Source:
    """Each pattern has errors in one hour."""

    async def patterns(self, project_id, *, since):
        del project_id, since
        return tuple(_fact(PatternId(number), name) for number, name in MODULES.items())

    async def hours(self, project_id, *, since, until):
        del project_id, since
        return CountRows(
            keys=np.array([*COUNTS], dtype=np.int64),
            times_s=np.array(
                [int((until - timedelta(days=days)).timestamp()) for days, _ in COUNTS.values()]
            ),
            counts=np.array([count for _, count in COUNTS.values()]),
        )

    async def minutes(self, project_id, *, since, until):
        del project_id, since, until
        none = np.zeros(0, dtype=np.int64)
        return CountRows(keys=none, times_s=none, counts=np.zeros(0))

    async def spans(self, *, since):
        del since
        return ()

    async def first_span(self):
        return None


def _fact(number, module):
    return PatternFact(
        id=number, title="", message="", culprit="", module=module, error_code="", severity=Severity.ERROR,
        platform="", status=PatternStatus.UNRESOLVED, first_seen=UNTIL - timedelta(days=25), last_seen=UNTIL,
        resolved_at=None, regressed_at=None, first_release="", users=0,
    )  # fmt: skip


async def test_of_too_many_patterns_those_with_errors_in_the_last_week_come_first():
    """Then those with the most errors in the month; in order of their ids."""
    found = {most: await read_month(Source(), PROJECT, until=UNTIL, most=most) for most in (1, 2, 3, 4, 9)}
    kept = {most: [fact.id for fact in month.facts] for most, month in found.items()}
    assert kept == {1: [2], 2: [2, 3], 3: [1, 2, 3], 4: [1, 2, 3, 4], 9: [1, 2, 3, 4]}
    assert [month.left_out for month in found.values()] == [3, 2, 1, 0, 0]
    assert found[2].hourly.counts.shape == (2, 720)


async def test_sums_hold_the_errors_of_what_is_left_out():
    """Of the modules that are looked at, and of the whole project."""
    month = await read_month(Source(), PROJECT, until=UNTIL, most=2)
    totals = dict(zip(month.sums.scopes, month.sums.counts.sum(axis=1).tolist(), strict=True))
    assert totals == {
        ("module", "mail"): 1.0,
        ("module", "pay"): 92.0,
        ("project", ""): 101.0,
    }
