"""Notices become messages for browsers; slow browsers get sums."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.types import ProjectId
from error_manager.monitoring.dashboard import StatusLine
from error_manager.monitoring.stream import (
    MAX_PENDING_PATTERNS,
    Notice,
    Pending,
    encode_message,
    parse_notice,
)

LINE = StatusLine(received=5, stored=2, duplicates=1, refused=1, waiting=1, unexplained=0, is_healthy=True)


def notice(*patterns: tuple[int, int, bool, bool], error_id: str = "") -> Notice:
    """Return a notice of project 1."""
    accepted = sum(count for _, count, _, _ in patterns)
    return Notice(project_id=ProjectId(1), accepted=accepted, patterns=patterns, error_id=error_id)


def test_reads_what_the_worker_sends() -> None:
    """The payload of the channel, with and without a first error."""
    payload = '{"project":1,"accepted":3,"patterns":[[7,3,true,false]],"first_error":"abc"}'
    assert parse_notice(payload) == notice((7, 3, True, False), error_id="abc")


@pytest.mark.parametrize(
    "payload", ["", "x", "[]", "{}", "null", '{"project":1,"accepted":1,"patterns":[[1]]}']
)
def test_payloads_of_another_version_are_passed_over(payload: str) -> None:
    """They are no reason to stop listening."""
    assert parse_notice(payload) is None


@given(st.text())
def test_no_payload_stops_the_stream(payload: str) -> None:
    """Whatever arrives."""
    assert parse_notice(payload) is None or payload


def test_counts_of_a_pattern_add_up_until_they_are_taken() -> None:
    """Once new stays new; taken is forgotten."""
    pending = Pending()
    pending.add(notice((7, 2, True, False), error_id="first"))
    pending.add(notice((7, 3, False, True), (8, 1, False, False), error_id="second"))
    pending.line = LINE
    assert pending.take() == {
        "accepted": 6,
        "patterns": [[7, 5, True, True], [8, 1, False, False]],
        "first_error": "first",
        "ledger": {
            "received": 5,
            "stored": 2,
            "duplicates": 1,
            "refused": 1,
            "waiting": 1,
            "unexplained": 0,
            "healthy": True,
        },
    }
    assert pending.take() == {}


def test_a_browser_that_misses_too_much_is_told() -> None:
    """Memory stays bounded; known patterns keep counting."""
    pending = Pending()
    for number in range(MAX_PENDING_PATTERNS + 5):
        pending.add(notice((number, 1, False, False)))
    pending.add(notice((0, 1, False, False)))
    message = pending.take()
    assert message["resync"] is True
    assert len(message["patterns"]) == MAX_PENDING_PATTERNS  # type: ignore[arg-type]  # a list
    assert message["accepted"] == MAX_PENDING_PATTERNS + 6


def test_a_message_is_one_event() -> None:
    """One data line, whatever the values hold."""
    encoded = encode_message({"first_error": "a\nb\r\nc"})
    assert encoded.startswith(b"data: ")
    assert encoded.endswith(b"\n\n")
    assert encoded.count(b"\n") == 2
    assert json.loads(encoded[6:]) == {"first_error": "a\nb\r\nc"}
