"""What the flow leaves out before the sentences are made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from error_manager.core.types import PatternId, PatternStatus, ProjectId, Severity
from error_manager.flows.insights import _recent
from error_manager.monitoring.finding import CorrelationFinding
from error_manager.storage.base import PatternRow

NOW = datetime(2026, 3, 8, 12, tzinfo=UTC)
POOL, PAY = PatternId(1), PatternId(2)


def row(number, last_seen):
    """Return a pattern as lists show it."""
    return PatternRow(
        id=number, project_id=ProjectId(1), pattern_hash="", title="", message="", culprit="", module="",
        error_code="", severity=Severity.ERROR, status=PatternStatus.UNRESOLVED, count=9, users=0,
        first_seen=last_seen, last_seen=last_seen,
    )  # fmt: skip


def test_a_relation_of_an_earlier_time_is_not_told():
    """It is found anew each hour as long as its errors are in the two weeks looked at."""
    pair = CorrelationFinding(
        first=POOL, second=PAY, score=0.8, gap=timedelta(seconds=4), support=41, trials=50, found_at=NOW
    )
    rows = {POOL: row(POOL, NOW - timedelta(days=3)), PAY: row(PAY, NOW)}
    assert list(_recent([pair], rows, since=NOW - timedelta(days=7))) == [pair]
    assert list(_recent([pair], rows, since=NOW - timedelta(days=1))) == []
