"""The range of a report is whole hours, from words people type."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from error_manager.cli.report import time_range
from error_manager.core.errors import ConfigurationError

NOW = datetime(2026, 3, 9, 14, 20, 5, tzinfo=UTC)


def day(number: int, hour: int = 0) -> datetime:
    """Return an hour of March 2026."""
    return datetime(2026, 3, number, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "since", "until", "expected"),
    [
        ("7d", None, None, (day(2, 15), day(9, 15))),
        ("12h", None, None, (day(9, 3), day(9, 15))),
        ("1w", None, "2026-03-08", (day(1), day(8))),
        ("7d", "2026-03-01", "2026-03-08", (day(1), day(8))),
        ("7d", "2026-03-01T10:00+02:00", None, (day(1, 8), day(9, 15))),
    ],
)
def test_ranges(last, since, until, expected):
    """The end is this hour's end unless given; times without a zone are UTC."""
    assert time_range(last, since, until, NOW) == expected


def test_every_wrong_word_is_named_at_once():
    """Bad span, bad time."""
    with pytest.raises(ConfigurationError) as caught:
        time_range("soon", "yesterday", None, NOW)
    assert [problem.split(" ")[0] for problem in caught.value.problems[:2]] == ["--last", "--since"]


def test_an_empty_range_is_refused():
    """The start must lie before the end."""
    with pytest.raises(ConfigurationError, match="empty"):
        time_range("7d", "2026-03-08", "2026-03-01", NOW)
