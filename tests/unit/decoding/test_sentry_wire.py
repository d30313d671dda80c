"""The typed way of reading exceptions gives what the patient way gives, for every event."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.event_strategies import objects, texts, values
from tests.nasty_events import KIND_VALUES, places, replaced, sentry_event, special_bodies

from error_manager.core.errors import MalformedPayloadError
from error_manager.core.limits import (
    MAX_CONTEXT_LINES,
    MAX_FRAMES,
    MAX_LABEL_CHARS,
    MAX_LINE,
    MAX_MEMBERS,
    MAX_NAME_CHARS,
    MAX_TEXT_CHARS,
)
from error_manager.core.types import EventId
from error_manager.decoding import sentry
from error_manager.decoding.json_text import decode_json
from error_manager.decoding.sentry_wire import WireExceptions, decode_event

_NOW = datetime(2026, 11, 26, tzinfo=UTC)
_ID = EventId("a" * 32)


def _patient(body):
    value = decode_json(body)
    if not isinstance(value, dict):
        raise MalformedPayloadError("not an object")
    return sentry._error(value, _NOW, _ID)


def _is_typed(body):
    return isinstance(decode_event(body).get("exception"), WireExceptions)


def _same(body):
    """Compare as text: a float that is no number equals nothing."""
    try:
        expected = repr(_patient(body))
    except MalformedPayloadError:
        with pytest.raises(MalformedPayloadError):
            sentry.decode_sentry(body, received_at=_NOW, event_id=_ID)
        return
    assert repr(sentry.decode_sentry(body, received_at=_NOW, event_id=_ID)) == expected


def _event(exception):
    return json.dumps({"platform": "python", "exception": {"values": [exception]}}).encode()


def _with_frame(**members):
    return _event({"type": "A", "value": "b", "stacktrace": {"frames": [{"function": "f", **members}]}})


def test_a_proper_event_is_read_the_typed_way():
    """Otherwise nothing below says anything."""
    body = json.dumps(sentry_event()).encode()
    assert _is_typed(body)
    _same(body)


@pytest.mark.parametrize("path", [p for p in places(sentry_event()) if p[0] == "exception"], ids=str)
def test_each_member_of_each_kind(path):
    """Null, truth values, numbers, texts, lists and objects in each place of the exceptions."""
    for value in KIND_VALUES:
        _same(json.dumps(replaced(sentry_event(), path, value)).encode())


@pytest.mark.parametrize(
    ("name", "body"), list(special_bodies()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_hostile_bodies(name, body):
    """Depth, size, odd numbers, odd texts, odd codings."""
    _same(body)


@pytest.mark.parametrize(
    ("member", "largest", "over"),
    [
        ("function", "f" * MAX_NAME_CHARS, "f" * (MAX_NAME_CHARS + 1)),
        ("context_line", "c" * MAX_TEXT_CHARS, "c" * (MAX_TEXT_CHARS + 1)),
        ("lineno", MAX_LINE, MAX_LINE + 1),
        ("pre_context", ["p"] * MAX_CONTEXT_LINES, ["p"] * (MAX_CONTEXT_LINES + 1)),
        ("vars", {"k" * MAX_LABEL_CHARS: 1}, {"k" * (MAX_LABEL_CHARS + 1): 1}),
        ("vars", {"a": "t" * MAX_TEXT_CHARS}, {"a": "t" * (MAX_TEXT_CHARS + 1)}),
        ("vars", {"a": [1] * MAX_MEMBERS}, {"a": [1] * (MAX_MEMBERS + 1)}),
        ("vars", {"a": 2**63 - 1}, {"a": 2**63}),
        ("vars", {"a": [[[[[[[1]]]]]]]}, {"a": [[[[[[[[[1]]]]]]]]]}),
    ],
)
def test_at_the_caps_and_over_them(member, largest, over):
    """What is within a cap is typed; what is over it goes the patient way, which cuts and notes."""
    assert _is_typed(_with_frame(**{member: largest}))
    assert not _is_typed(_with_frame(**{member: over}))
    _same(_with_frame(**{member: largest}))
    _same(_with_frame(**{member: over}))


def test_too_many_frames_go_the_patient_way():
    """They are cut in the middle."""
    frames = [{"function": f"f{n}"} for n in range(MAX_FRAMES + 1)]
    _same(_event({"type": "A", "stacktrace": {"frames": frames}}))


frames = st.fixed_dictionaries(
    {},
    optional={
        "function": texts | values,
        "module": texts | st.none(),
        "filename": texts,
        "lineno": st.integers(-5, 10) | values,
        "in_app": st.booleans() | st.none(),
        "pre_context": st.lists(texts, max_size=2) | values,
        "vars": objects | values,
        "other": values,
    },
)
exceptions = st.fixed_dictionaries(
    {},
    optional={
        "type": texts | st.none(),
        "value": texts | values,
        "thread_id": values,
        "stacktrace": st.none()
        | st.fixed_dictionaries({}, optional={"frames": st.lists(frames, max_size=2)}),
        "raw_stacktrace": st.none() | st.fixed_dictionaries({"frames": st.lists(frames, max_size=2)}),
        "mechanism": st.none() | values | st.fixed_dictionaries({"exception_id": values, "handled": values}),
    },
)


@given(st.lists(exceptions, max_size=3))
def test_any_exceptions(members):
    """Proper or not, alone or in company."""
    _same(json.dumps({"platform": "python", "exception": {"values": members}}).encode())
