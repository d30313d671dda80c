"""Our own JSON form of an error."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from tests.event_strategies import errors, times

from error_manager.core.encoding import event_to_json, time_to_text
from error_manager.core.types import (
    Breadcrumb,
    ErrorEvent,
    EventId,
    ExceptionInfo,
    FieldNote,
    Frame,
    Request,
    Severity,
    User,
)

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (NOON, "2026-11-23T12:00:00.000000Z"),
        (NOON + timedelta(microseconds=1), "2026-11-23T12:00:00.000001Z"),
        (datetime(2026, 11, 23, 1, 30, tzinfo=timezone(timedelta(hours=2))), "2026-11-22T23:30:00.000000Z"),
    ],
)
def test_times_are_utc_with_six_digits(time: datetime, expected: str) -> None:
    """Every time has the same length, so that texts sort like times."""
    assert time_to_text(time) == expected


@given(times)
def test_times_are_read_back_by_the_standard_library(time: datetime) -> None:
    """``datetime.fromisoformat`` reads what is written."""
    assert datetime.fromisoformat(time_to_text(time)) == time


def test_defaults_are_left_out() -> None:
    """An error of a message alone has four members."""
    event = ErrorEvent(event_id=EventId("a" * 32), timestamp=NOON, message="no card")
    assert event_to_json(event) == {
        "event_id": "a" * 32,
        "timestamp": "2026-11-23T12:00:00.000000Z",
        "message": "no card",
        "severity": "error",
    }


def test_false_zero_and_empty_are_kept_where_they_say_something() -> None:
    """What differs from the default is written even if it is false, zero or empty."""
    event = ErrorEvent(
        event_id=EventId("a" * 32),
        timestamp=NOON,
        message="no card",
        severity=Severity.FATAL,
        exceptions=(
            ExceptionInfo(
                type="A", is_handled=False, exception_id=0, frames=(Frame(function="f", in_app=False),)
            ),
            ExceptionInfo(type="B", exception_id=1, parent_id=0, is_group=True, is_synthetic=True),
        ),
        user=User(),
        request=Request(data=0),
        breadcrumbs=(Breadcrumb(timestamp=NOON, message="click", data={"x": 1}),),
        tags=(("b", "1"), ("a", "2")),
        fingerprint=("x",),
        notes=(FieldNote(path="message", reason="cut"),),
    )
    written = event_to_json(event)
    assert written["exceptions"] == [
        {
            "type": "A",
            "is_handled": False,
            "exception_id": 0,
            "frames": [{"function": "f", "in_app": False}],
        },
        {"type": "B", "is_synthetic": True, "exception_id": 1, "parent_id": 0, "is_group": True},
    ]
    assert written["user"] == {}
    assert written["request"] == {"data": 0}
    assert written["breadcrumbs"] == [
        {"timestamp": "2026-11-23T12:00:00.000000Z", "message": "click", "data": {"x": 1}}
    ]
    assert list(dict(written)["tags"].items()) == [("b", "1"), ("a", "2")]  # type: ignore[attr-defined]  # a dict
    assert written["fingerprint"] == ["x"]
    assert written["notes"] == [{"path": "message", "reason": "cut"}]


@given(errors)
def test_the_form_is_plain_json(event: ErrorEvent) -> None:
    """The standard library writes the form and reads the same back: only dicts, lists, texts and numbers."""
    written = event_to_json(event)
    assert json.loads(json.dumps(written)) == written
