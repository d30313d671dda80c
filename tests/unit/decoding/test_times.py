"""Times as clients send them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.event_strategies import times

from error_manager.core.encoding import time_to_text
from error_manager.core.limits import EARLIEST, LATEST
from error_manager.decoding.times import parse_time

# `date -u -d @1795442163` = 2026-11-23 13:56:03 UTC
NOON = datetime(2026, 11, 23, 13, 56, 3, tzinfo=UTC)
HALF = NOON + timedelta(seconds=0.5)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1795442163, NOON),
        (1795442163.5, HALF),
        (1795442163500, HALF),
        (1795442163500000, HALF),
        (1795442163500000000, HALF),
        ("1795442163.5", HALF),
        ("1795442163500", HALF),
        ("2026-11-23T13:56:03Z", NOON),
        ("2026-11-23T13:56:03", NOON),
        ("2026-11-23 13:56:03", NOON),
        ("2026-11-23T13:56:03.5Z", HALF),
        ("2026-11-23T13:56:03.500000000Z", HALF),
        ("2026-11-23T13:56:03.5", HALF),
        ("2026-11-23T15:56:03+02:00", NOON),
        (" 2026-11-23T13:56:03Z\n", NOON),
        ("2026-11-23T13:56:60Z", NOON.replace(second=59)),
        ("2026-11-23", NOON.replace(hour=0, minute=0, second=0)),
        ("20261123", NOON.replace(hour=0, minute=0, second=0)),
        (0, EARLIEST),
    ],
)
def test_every_form_is_read(value: object, expected: datetime) -> None:
    """Epochs of four units, texts with and without zone, fraction and leap second."""
    assert parse_time(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, [], {}, "", "nonsense", "infinity", "-infinity", "now", -1, -1e300, 1e300, 10**40,
        float("nan"), float("inf"), 4102444800, 1e19, "1e999", "9" * 30, "9" * 5000,
        "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
        "10000-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "2026-11-23T13:56:03+99:00",
        "2026-02-30T00:00:00Z", "٢٠٢٦-١١-٢٣T00:00:00Z",  # noqa: RUF001  # Arabic digits are the point
    ],
)  # fmt: skip
def test_what_is_no_time_of_an_error_is_none(value: object) -> None:
    """Other kinds, nonsense, and times outside of 1970 to 2099 are not read."""
    assert parse_time(value) is None


@given(times)
def test_our_own_texts_are_read_back(time: datetime) -> None:
    """What ``time_to_text`` writes is read to the microsecond."""
    assert parse_time(time_to_text(time)) == time


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text())
def test_whatever_is_read_is_in_range(value: object) -> None:
    """Any scalar gives None or an aware time within the bounds."""
    time = parse_time(value)
    assert time is None or EARLIEST <= time < LATEST
