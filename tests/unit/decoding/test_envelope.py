"""Envelopes of the Sentry protocol."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.errors import MalformedPayloadError, PayloadTooLargeError
from error_manager.core.types import ItemCategory
from error_manager.decoding.envelope import (
    MAX_HEADER_BYTES,
    MAX_ITEMS,
    item_category,
    sdk_text,
    split_envelope,
)

HEADER = b'{"event_id":"0123456789abcdef0123456789abcdef"}'


def item(kind: str, payload: bytes, *, with_length: bool = True) -> bytes:
    """Return one item with its header."""
    length = {"length": len(payload)} if with_length else {}
    return json.dumps({"type": kind, **length}).encode() + b"\n" + payload


def items(body: bytes) -> list[tuple[str, bytes]]:
    """Return types and payloads of an envelope."""
    return [(each.type, each.payload) for each in split_envelope(body).items]


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n\n"])
@pytest.mark.parametrize("with_length", [True, False])
def test_items_with_and_without_length(end: bytes, with_length: bool) -> None:
    """A payload ends where its length says, or at the line feed; the last one may be missing or doubled."""
    body = (
        b"\n".join([HEADER, item("event", b'{"a":1}', with_length=with_length), item("session", b"{}")]) + end
    )
    assert items(body) == [("event", b'{"a":1}'), ("session", b"{}")]


def test_a_payload_with_length_may_hold_line_feeds() -> None:
    """Attachments are binary; a carriage return belongs to the payload."""
    body = b"\n".join([HEADER, item("attachment", b"a\nb\n\n{\r\n"), item("event", b"{}")])
    assert items(body) == [("attachment", b"a\nb\n\n{\r\n"), ("event", b"{}")]


def test_an_empty_payload_is_an_item() -> None:
    """Length 0 is legal."""
    assert items(b"\n".join([HEADER, item("attachment", b""), item("event", b"{}")])) == [
        ("attachment", b""),
        ("event", b"{}"),
    ]


@pytest.mark.parametrize("body", [HEADER, HEADER + b"\n", b"{}", b"{}\n\n"])
def test_an_envelope_may_have_no_items(body: bytes) -> None:
    """A header alone is an envelope."""
    assert split_envelope(body).items == ()


def test_unknown_items_and_headers_are_kept() -> None:
    """Unknown types and header keys are no fault."""
    envelope = split_envelope(HEADER + b'\n{"type":"mystery","length":2,"new":[1]}\n\x00\x01\n')
    assert envelope.items[0].type == "mystery"
    assert envelope.items[0].payload == b"\x00\x01"
    assert envelope.items[0].header == {"type": "mystery", "length": 2, "new": [1]}


def test_the_header_is_read() -> None:
    """Id (dashed or not), time of sending with nine digits, DSN and SDK."""
    header = {
        "event_id": "01234567-89AB-cdef-0123-456789abcdef",
        "sent_at": "2026-11-23T13:56:03.123456789Z",
        "dsn": "http://key@localhost/1",
        "sdk": {"name": "sentry.go", "version": "0.11"},
        "trace": {"trace_id": "a"},
    }
    read = split_envelope(json.dumps(header).encode()).header
    assert read.event_id == "0123456789abcdef0123456789abcdef"
    assert read.sent_at == datetime(2026, 11, 23, 13, 56, 3, 123456, tzinfo=UTC)
    assert (read.dsn, read.sdk) == ("http://key@localhost/1", "sentry.go/0.11")


@pytest.mark.parametrize("value", [None, 5, [], {}, "nonsense", True])
def test_bad_header_values_count_as_absent(value: object) -> None:
    """A wrong id, time, DSN or SDK does not cost the envelope."""
    read = split_envelope(json.dumps({"event_id": value, "sent_at": value, "sdk": value}).encode()).header
    assert read.event_id is None
    assert read.sdk == ""
    dsn = split_envelope(json.dumps({"dsn": value}).encode()).header.dsn
    assert dsn == (value if isinstance(value, str) else "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello\nworld",
        b"[]\n",
        b"5",
        HEADER + b"\nnot json\n{}",
        HEADER + b"\n[]\n{}",
        HEADER + b'\n{"length":2}\n{}',
        HEADER + b'\n{"type":"","length":2}\n{}',
        HEADER + b'\n{"type":5,"length":2}\n{}',
        HEADER + b'\n{"type":"event","length":99}\n{}',
        HEADER + b'\n{"type":"event","length":1}\n{}',
        HEADER + b'\n{"type":"event","length":-1}\n{}',
        HEADER + b'\n{"type":"event","length":true}\n{}',
        HEADER + b'\n{"type":"event","length":"2"}\n{}',
        HEADER + b'\n{"type":"event","length":1' + b"0" * 40 + b"}\n{}",
    ],
)
def test_broken_envelopes_are_malformed(body: bytes) -> None:
    """Headers that are no objects, items without type, and lengths that do not fit are refused."""
    with pytest.raises(MalformedPayloadError):
        split_envelope(body)


def test_too_many_items_are_too_large() -> None:
    """100 items pass, 101 are refused."""
    assert len(split_envelope(b"\n".join([HEADER, *[item("session", b"{}")] * MAX_ITEMS])).items) == MAX_ITEMS
    with pytest.raises(PayloadTooLargeError):
        split_envelope(b"\n".join([HEADER, *[item("session", b"{}")] * (MAX_ITEMS + 1)]))


@pytest.mark.parametrize("end", [b"", b"\n{}"])
def test_a_header_line_over_the_cap_is_too_large(end: bytes) -> None:
    """8 KiB are enough for any header, with or without an end of the line."""
    with pytest.raises(PayloadTooLargeError):
        split_envelope(b'{"a":"' + b"x" * MAX_HEADER_BYTES + b'"}' + end)


@given(st.lists(st.tuples(st.sampled_from(["event", "session", "x"]), st.binary(max_size=30)), max_size=5))
def test_any_payloads_come_back(parts: list[tuple[str, bytes]]) -> None:
    """With a length, payloads of any bytes survive."""
    assert items(b"\n".join([HEADER, *(item(kind, payload) for kind, payload in parts)])) == parts


@pytest.mark.parametrize(
    ("kind", "category"),
    [
        ("event", ItemCategory.ERROR),
        ("attachment", ItemCategory.ATTACHMENT),
        ("user_report", ItemCategory.FEEDBACK),
        ("sessions", ItemCategory.SESSION),
        ("span", ItemCategory.TRANSACTION),
        ("check_in", ItemCategory.CHECK_IN),
        ("log", ItemCategory.LOG),
        ("client_report", ItemCategory.CLIENT_REPORT),
        ("replay_event", ItemCategory.OTHER),
        ("", ItemCategory.OTHER),
    ],
)
def test_categories_of_items(kind: str, category: ItemCategory) -> None:
    """Each known type has its category, all others are ``other``."""
    assert item_category(kind) is category


@pytest.mark.parametrize(
    ("sdk", "text"),
    [
        ({"name": "a", "version": "1"}, "a/1"),
        ({"name": "a"}, "a"),
        ({"name": 5, "version": None}, ""),
        ("a/1", ""),
        (None, ""),
    ],
)
def test_sdk_text(sdk: object, text: str) -> None:
    """Name and version, as far as they are texts."""
    assert sdk_text(sdk) == text
