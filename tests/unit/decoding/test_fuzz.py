"""Whatever arrives, decoding ends in an error, a category or a refusal, and what it returns can be stored."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.nasty import nasty_bodies
from tests.nasty_events import (
    KIND_VALUES,
    native_error,
    places,
    replaced,
    sentry_event,
    special_bodies,
)

from error_manager.core.encoding import event_to_json
from error_manager.core.errors import RequestError, ValidationError
from error_manager.core.limits import (
    MAX_DEPTH,
    MAX_EXCEPTIONS,
    MAX_FRAMES,
    MAX_INTEGER,
    MAX_TAGS,
    MIN_INTEGER,
)
from error_manager.core.types import ErrorEvent, EventId, FieldError, ItemCategory
from error_manager.core.validator import validate
from error_manager.decoding.batch import split_batch
from error_manager.decoding.envelope import split_envelope
from error_manager.decoding.inflate import decode_store_body, inflate
from error_manager.decoding.json_text import decode_json
from error_manager.decoding.native import decode_native, decode_stored
from error_manager.decoding.sentry import decode_sentry

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
ID = EventId("0" * 32)
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
SPECIAL = dict(special_bodies())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=20,
)
SENTRY_PLACES = list(places(sentry_event()))
NATIVE_PLACES = list(places(native_error()))


def sentry(body: bytes) -> ErrorEvent | ItemCategory:
    """Decode a Sentry event as the worker does."""
    return decode_sentry(body, received_at=NOW, event_id=ID)


def native(body: bytes) -> tuple[ErrorEvent | None, tuple[FieldError, ...]]:
    """Decode an error of our own form as the accepting side does: the error, or what is wrong with it."""
    try:
        return decode_native(decode_json(body), received_at=NOW, event_id=ID), ()
    except ValidationError as error:
        return None, error.errors


def assert_storable(event: ErrorEvent) -> None:
    """Check that an error passes validation, holds nothing that databases refuse, and survives its JSON."""
    assert validate(event) == ()
    value = event_to_json(event)
    level: list[dict[str, object] | list[object]] = [value]
    depth = 0
    while level:
        inner: list[dict[str, object] | list[object]] = []
        for container in level:
            keys_too = [*container, *container.values()] if isinstance(container, dict) else container
            for member in keys_too:
                if isinstance(member, str):
                    assert not UNSTORABLE.search(member)
                elif isinstance(member, dict | list):
                    inner.append(member)
                elif isinstance(member, float):
                    assert math.isfinite(member)
                elif isinstance(member, int):
                    assert MIN_INTEGER <= member <= MAX_INTEGER
        level = inner
        depth += 1
    assert depth <= MAX_DEPTH
    body = msgspec.json.encode(value)
    assert decode_stored(body) == event
    json.loads(body)
    assert len(event.exceptions) <= MAX_EXCEPTIONS
    assert len(event.tags) <= MAX_TAGS
    assert all(len(exception.frames) <= MAX_FRAMES for exception in event.exceptions)


def assert_decodes(body: bytes) -> None:
    """Check that a Sentry event ends in one of the allowed ways."""
    try:
        event = sentry(body)
    except RequestError:
        return
    if isinstance(event, ErrorEvent):
        assert_storable(event)


@pytest.mark.timeout(20)  # what is not linear takes minutes
@pytest.mark.parametrize("name", SPECIAL)
def test_hostile_events_end_well(name: str) -> None:
    """Each hostile event is decoded to something storable, or refused."""
    assert_decodes(SPECIAL[name])


@pytest.mark.parametrize("path", SENTRY_PLACES, ids=str)
def test_no_field_of_a_sentry_event_can_be_of_a_kind_that_loses_the_error(
    path: tuple[str | int, ...],
) -> None:
    """Each field replaced by each JSON type: the error is kept."""
    for member in KIND_VALUES:
        event = sentry(json.dumps(replaced(sentry_event(), path, member)).encode())
        assert isinstance(event, ErrorEvent)
        assert_storable(event)


@pytest.mark.parametrize("path", NATIVE_PLACES, ids=str)
def test_a_native_field_of_a_wrong_kind_is_named(path: tuple[str | int, ...]) -> None:
    """Each field replaced by each JSON type is accepted, or refused by an error whose path leads to it."""
    dotted = ".".join(str(key) for key in path)
    for member in KIND_VALUES:
        event, wrong = native(json.dumps(replaced(native_error(), path, member)).encode())
        assert all(f"{error.path}.".startswith(f"{dotted}.") for error in wrong)
        if event is not None:
            assert_storable(event)


@given(st.sampled_from(SENTRY_PLACES), JSON)
@settings(max_examples=300)
def test_any_json_in_any_field_of_a_sentry_event(path: tuple[str | int, ...], member: object) -> None:
    """Any JSON value in any field ends well."""
    assert_decodes(json.dumps(replaced(sentry_event(), path, member)).encode("utf-8", "surrogatepass"))


@given(st.sampled_from(NATIVE_PLACES), JSON)
@settings(max_examples=300)
def test_any_json_in_any_native_field(path: tuple[str | int, ...], member: object) -> None:
    """Any JSON value in any native field is accepted or refused with paths, and stored forms always read."""
    body = json.dumps(replaced(native_error(), path, member)).encode("utf-8", "surrogatepass")
    event, wrong = native(body)
    assert (event is None) == bool(wrong)
    if event is not None:
        assert_storable(event)
    assert isinstance(decode_stored(body), ErrorEvent)


@given(JSON)
@settings(max_examples=300)
def test_any_json_as_a_whole_event(value: object) -> None:
    """Any JSON value as a whole event ends well."""
    assert_decodes(json.dumps(value).encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_any_bytes(body: bytes) -> None:
    """Any bytes are refused or read, by every decoder that takes bytes."""
    assert_decodes(body)
    decoders: tuple[Callable[[bytes], object], ...] = (
        split_envelope,
        lambda raw: decode_store_body(raw, 10_000),
        lambda raw: split_batch(raw, is_lines=False),
        *(partial(_inflate, coding) for coding in ("gzip", "deflate", "br", "zstd", "")),
    )
    for decode in decoders:
        with suppress(RequestError):
            decode(body)


def _inflate(coding: str, raw: bytes) -> bytes:
    return inflate(raw, coding, max_bytes=10_000)


def test_mutated_requests_end_well() -> None:
    """300 mutated requests in every coding go the whole way of decoding."""
    decoded = 0
    for path, body, headers in nasty_bodies(1, 300):
        try:
            raw = inflate(body, headers.get("Content-Encoding", ""), max_bytes=2_000_000)
            if path == "envelope/":
                payloads = [item.payload for item in split_envelope(raw).items if item.type == "event"]
            elif path == "store/":
                payloads = [decode_store_body(raw, 2_000_000)]
            else:
                payloads = []
                for item in split_batch(raw, is_lines=headers["Content-Type"] == "application/x-ndjson"):
                    if not item.problem:
                        assert_storable(decode_native(item.value, received_at=NOW, event_id=ID))
        except RequestError:
            continue
        for payload in payloads:
            assert_decodes(payload)
            decoded += 1
    assert decoded > 100
