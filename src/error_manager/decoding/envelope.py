"""Splits an envelope of the Sentry protocol into its items (seed box: Error Processing Flow).

Source: https://develop.sentry.dev/sdk/foundations/envelopes/ and recordings of released clients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from error_manager.core.errors import MalformedPayloadError, PayloadTooLargeError
from error_manager.core.ids import parse_event_id
from error_manager.core.limits import MAX_LABEL_CHARS
from error_manager.core.quick import maker
from error_manager.core.types import EventId, ItemCategory, JsonObject
from error_manager.decoding.json_text import clean, decode_json
from error_manager.decoding.times import parse_time

MAX_ITEMS: Final = 100
MAX_HEADER_BYTES: Final = 8_192
"""Longest line that an envelope or item header may have."""
_PLAIN_DEPTH: Final = 32
"""A header with no more brackets is not too deep."""
_CATEGORIES: Final[Mapping[str, ItemCategory]] = {
    "event": ItemCategory.ERROR,
    "attachment": ItemCategory.ATTACHMENT,
    "feedback": ItemCategory.FEEDBACK,
    "user_report": ItemCategory.FEEDBACK,
    "session": ItemCategory.SESSION,
    "sessions": ItemCategory.SESSION,
    "transaction": ItemCategory.TRANSACTION,
    "span": ItemCategory.TRANSACTION,
    "check_in": ItemCategory.CHECK_IN,
    "log": ItemCategory.LOG,
    "otel_log": ItemCategory.LOG,
    "client_report": ItemCategory.CLIENT_REPORT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeHeader:
    """The first line; ``event_id`` and ``sent_at`` are None when absent or bad, ``sdk`` is name/version."""

    event_id: EventId | None = None
    sent_at: datetime | None = None
    dsn: str = ""
    sdk: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeItem:
    """One item: its type, its bytes as sent, and its whole header."""

    type: str
    payload: bytes
    header: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A header and any number of items, in the order sent."""

    header: EnvelopeHeader
    items: tuple[EnvelopeItem, ...] = ()


_header_of: Final = maker(EnvelopeHeader)
_item_of: Final = maker(EnvelopeItem)


def split_envelope(body: bytes) -> Envelope:
    """Return the envelope's header and items; payloads are not looked into.

    Raises:
        MalformedPayloadError: a header is no JSON object, an item has no type, or a payload ends too early.
        PayloadTooLargeError: more than ``MAX_ITEMS`` items, or a header line over ``MAX_HEADER_BYTES``.
    """
    line, place = _line(body, 0)
    header = _header(_object(line))
    items: list[EnvelopeItem] = []
    while (place := _skip_blank(body, place)) < len(body):
        if len(items) == MAX_ITEMS:
            raise PayloadTooLargeError(f"The envelope has more than {MAX_ITEMS} items.")
        line, place = _line(body, place)
        item_header = _object(line)
        payload, place = _payload(body, place, item_header.get("length"))
        kind = item_header.get("type")
        if not isinstance(kind, str) or not kind:
            raise MalformedPayloadError("An item of the envelope has no type.")
        items.append(_item_of(type=kind[:MAX_LABEL_CHARS], payload=payload, header=item_header))
    return Envelope(header=header, items=tuple(items))


def item_category(item_type: str) -> ItemCategory:
    """Return what an item of this type counts as; unknown types are ``other``."""
    return _CATEGORIES.get(item_type, ItemCategory.OTHER)


def sdk_text(sdk: object) -> str:
    """Return ``name/version`` of an SDK description, or "" when there is none."""
    if not isinstance(sdk, dict):
        return ""
    parts = (sdk.get("name"), sdk.get("version"))
    return "/".join(part for part in parts if isinstance(part, str) and part)[:MAX_LABEL_CHARS]


def _header(members: dict[str, object]) -> EnvelopeHeader:
    dsn = members.get("dsn")
    return _header_of(
        event_id=parse_event_id(members.get("event_id")),
        sent_at=parse_time(members.get("sent_at")),
        dsn=dsn if isinstance(dsn, str) else "",
        sdk=sdk_text(members.get("sdk")),
    )


def _line(body: bytes, start: int) -> tuple[bytes, int]:
    """Return the line at ``start`` without its line feed, and the place behind it."""
    end = body.find(b"\n", start, start + MAX_HEADER_BYTES + 1)
    if end >= 0:
        return body[start:end], end + 1
    if len(body) - start > MAX_HEADER_BYTES:
        raise PayloadTooLargeError(f"A header line of the envelope is over {MAX_HEADER_BYTES} bytes.")
    return body[start:], len(body)


def _skip_blank(body: bytes, place: int) -> int:
    """Return the place of the next header, or the end when only line feeds are left."""
    while body.startswith(b"\n", place):
        place += 1
    return place


def _object(line: bytes) -> dict[str, object]:
    members = decode_json(line)
    if not line.isascii() or b"\\" in line or line.count(b"{") + line.count(b"[") > _PLAIN_DEPTH:
        # Also where the bytes are proper: a header is small and ends up in the ledger and in logs.
        members = clean(members)
    if not isinstance(members, dict):
        raise MalformedPayloadError("A header of the envelope is not a JSON object.")
    return members


def _payload(body: bytes, start: int, length: object) -> tuple[bytes, int]:
    """Return the payload at ``start`` and the place behind it; without a length it ends at the line feed."""
    if length is None:
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        return body[start:end], end + 1
    if isinstance(length, bool) or not isinstance(length, int) or length < 0:
        raise MalformedPayloadError("The length of an item is not a whole number.")
    end = start + length
    if end > len(body):
        raise MalformedPayloadError("An item of the envelope ends too early.")
    if end < len(body) and body[end] != 0x0A:
        raise MalformedPayloadError("An item of the envelope does not end where its length says.")
    return body[start:end], end + 1
