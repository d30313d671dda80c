"""While the analysis takes in the past it says how far it is, and nothing when it is up to now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from error_manager.core.types import ProjectId
from error_manager.monitoring.progress import Progress, furthest_behind, progress

NOW = datetime(2026, 3, 8, 12, 20, tzinfo=UTC)
USUAL, HOUR = NOW - timedelta(minutes=3), NOW - timedelta(minutes=80)
SHOP = ProjectId(1)
AGO = NOW - timedelta(days=6)


@pytest.mark.parametrize(
    ("minutes_at", "hours_at", "found"),
    [
        (USUAL, HOUR, None),
        (None, None, None),
        (None, HOUR, None),
        (NOW + timedelta(minutes=1), HOUR, None),
        (AGO, None, Progress(project_id=SHOP, minutes_at=AGO, to_go=timedelta(days=6), hours_at=None)),
        (AGO, HOUR, Progress(project_id=SHOP, minutes_at=AGO, to_go=timedelta(days=6), hours_at=HOUR)),
        (USUAL, None, Progress(project_id=SHOP, minutes_at=None, to_go=timedelta(), hours_at=None)),
        (USUAL, AGO, Progress(project_id=SHOP, minutes_at=None, to_go=timedelta(), hours_at=AGO)),
    ],
)
def test_progress(minutes_at, hours_at, found):
    """Up to date, without errors, in the past, and with hours that are still to come or old."""
    assert progress(SHOP, minutes_at, hours_at, NOW) == found


def test_of_several_projects_the_furthest_behind_counts():
    """The longest way in minutes, then no hour at all, then the oldest hour."""
    long = Progress(project_id=SHOP, minutes_at=AGO, to_go=timedelta(days=6), hours_at=AGO)
    never = Progress(project_id=SHOP, minutes_at=None, to_go=timedelta(), hours_at=None)
    old = Progress(project_id=SHOP, minutes_at=None, to_go=timedelta(), hours_at=AGO)
    newer = Progress(project_id=SHOP, minutes_at=None, to_go=timedelta(), hours_at=HOUR)
    assert furthest_behind([newer, old, never, long]) == long
    assert furthest_behind([newer, old, never]) == never
    assert furthest_behind([newer, old]) == old
    assert furthest_behind([]) is None
