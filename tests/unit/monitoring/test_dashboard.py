"""View models: the books, the foot line, DSNs and ranges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from error_manager.core.types import ItemCategory, OutcomeKind, ProjectId
from error_manager.monitoring.dashboard import balance, dsn, refusals, status_line, window
from error_manager.storage.base import Bucket, OutcomeCount

NOW = datetime(2026, 3, 10, 13, 30, tzinfo=UTC)


def count(outcome: OutcomeKind, quantity: int) -> OutcomeCount:
    """Return a count of errors."""
    return OutcomeCount(
        project_id=ProjectId(1),
        category=ItemCategory.ERROR,
        hour=NOW,
        outcome=outcome,
        reason="x",
        quantity=quantity,
    )


COUNTS = (
    count(OutcomeKind.ACCEPTED, 10),
    count(OutcomeKind.DUPLICATE, 2),
    count(OutcomeKind.INVALID, 1),
    count(OutcomeKind.RATE_LIMITED, 4),
)


def test_the_books_balance() -> None:
    """What neither waits nor ended is unexplained; all six kinds are named."""
    ledger = balance(received=20, waiting=2, outcomes=COUNTS)
    assert ledger.unexplained == 1
    assert set(ledger.outcomes) == set(OutcomeKind)


def test_the_foot_line_says_stored_and_refused() -> None:
    """What was sent twice is stored once: duplicates stand apart; received is the sum of the others."""
    line = status_line(balance(received=19, waiting=2, outcomes=COUNTS))
    assert (line.received, line.stored, line.duplicates) == (19, 10, 2)
    assert (line.refused, line.waiting, line.is_healthy) == (5, 2, True)
    assert line.received == line.stored + line.duplicates + line.refused + line.waiting
    assert not status_line(balance(received=20, waiting=2, outcomes=COUNTS)).is_healthy


def test_refusals_come_most_frequent_first() -> None:
    """Accepted and duplicates are none."""
    assert [one.outcome for one in refusals(COUNTS)] == [OutcomeKind.RATE_LIMITED, OutcomeKind.INVALID]


@pytest.mark.parametrize(
    ("since", "bucket", "buckets"),
    [
        (None, Bucket.DAY, 14),
        (NOW - timedelta(hours=1), Bucket.HOUR, 2),
        (NOW - timedelta(days=3), Bucket.HOUR, 73),
        (NOW - timedelta(days=3, hours=1), Bucket.DAY, 4),
        (NOW - timedelta(days=30), Bucket.DAY, 31),
    ],
)
def test_windows_cover_the_range_in_whole_buckets(
    since: datetime | None, bucket: Bucket, buckets: int
) -> None:
    """The bucket of now is in it."""
    shown = window(since, None, now=NOW)
    step = timedelta(hours=1) if bucket is Bucket.HOUR else timedelta(days=1)
    assert (shown.bucket, (shown.until - shown.since) / step) == (bucket, buckets)
    assert shown.since <= (since or NOW)
    assert shown.until > NOW


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000", "http://abc@127.0.0.1:8000/7"),
        ("https://errors.example/", "https://abc@errors.example/7"),
        ("https://example.com/errors", "https://abc@example.com/errors/7"),
    ],
)
def test_dsn_has_the_form_sdks_take(url: str, expected: str) -> None:
    """Scheme, key, host, path, project."""
    assert dsn(url, "abc", ProjectId(7)) == expected
