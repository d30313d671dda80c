"""The check of a decoded error."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from tests.event_strategies import errors

from error_manager.core.limits import MAX_FRAMES, MAX_MESSAGE_CHARS, MAX_TAGS
from error_manager.core.types import ErrorEvent, EventId, ExceptionInfo, Frame
from error_manager.core.validator import validate

SOUND = ErrorEvent(
    event_id=EventId("a" * 32), timestamp=datetime(2026, 11, 23, tzinfo=UTC), message="no card"
)


@given(errors)
def test_what_decoders_return_is_sound(event: ErrorEvent) -> None:
    """Errors within the caps pass."""
    assert validate(event) == ()


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        ({"message": " \n"}, ["message"]),
        ({"message": "x" * (MAX_MESSAGE_CHARS + 1)}, ["message"]),
        ({"event_id": "A" * 32}, ["event_id"]),
        ({"event_id": ""}, ["event_id"]),
        ({"severity": "bad"}, ["severity"]),
        ({"timestamp": datetime(2026, 11, 23)}, ["timestamp"]),  # noqa: DTZ001  # the missing zone is the point
        ({"timestamp": datetime(1969, 12, 31, tzinfo=UTC)}, ["timestamp"]),
        ({"timestamp": datetime(2100, 1, 1, tzinfo=UTC)}, ["timestamp"]),
        ({"occurrences": 0}, ["occurrences"]),
        ({"occurrences": 10**9 + 1}, ["occurrences"]),
        ({"stack_trace": "x" * 16_385}, ["stack_trace"]),
        ({"release": "x" * 201}, ["release"]),
        ({"tags": (("a", "b"),) * (MAX_TAGS + 1)}, ["tags"]),
        (
            {"exceptions": (ExceptionInfo(), ExceptionInfo(frames=(Frame(),) * (MAX_FRAMES + 1)))},
            ["exceptions.1.frames"],
        ),
        ({"message": "", "occurrences": -1, "release": "x" * 300}, ["message", "occurrences", "release"]),
    ],
)
def test_every_wrong_field_is_named(changes: dict[str, object], paths: list[str]) -> None:
    """Each broken rule gives one error with the path of the field, all at once."""
    event = replace(SOUND, **changes)  # type: ignore[arg-type]  # wrong kinds are the point
    assert [error.path for error in validate(event)] == paths
    assert all(error.message for error in validate(event))


def test_the_caps_themselves_pass() -> None:
    """A text of exactly the cap is no error."""
    assert validate(replace(SOUND, message="x" * MAX_MESSAGE_CHARS, occurrences=10**9)) == ()
