"""Ids of errors: our own UUIDv7 and the 32 hexadecimal digits of clients (seed box: Error Entry)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from error_manager.core.types import EventId

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_HEX_DIGITS = frozenset("0123456789abcdef")
_DASHES = (8, 13, 18, 23)
RANDOM_BYTES = 10
"""Random bytes that ``uuid7`` takes (74 of their 80 bits are used)."""
EVENT_ID_BYTES = 16
"""Random bytes that ``new_event_id`` takes."""


def uuid7(timestamp: datetime, randomness: bytes) -> UUID:
    """Return a UUIDv7 of a time, so that ids sort by event time.

    Args:
        timestamp: aware; times before 1970 count as 1970.
        randomness: exactly 10 bytes.

    Raises:
        ValueError: ``randomness`` has another length.

    Source:
        RFC 9562, section 5.7: 48 bits of Unix milliseconds, version, 12 random bits, variant, 62 random bits.
    """
    if len(randomness) != RANDOM_BYTES:
        msg = f"uuid7 takes {RANDOM_BYTES} random bytes, got {len(randomness)}"
        raise ValueError(msg)
    milliseconds = max(0, (timestamp - _EPOCH) // _MILLISECOND) & 0xFFFF_FFFF_FFFF
    bits = int.from_bytes(randomness, "big")
    high = (bits >> 62) & 0xFFF
    low = bits & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)


def parse_event_id(text: object) -> EventId | None:
    """Return the id a client chose as 32 lower-case hexadecimal digits, or None when it is not one.

    Accepted are 32 hexadecimal digits, or 36 characters with the dashes of a UUID; nothing else
    (``uuid.UUID`` would also take braces, ``urn:uuid:``, underscores and non-ASCII digits).
    """
    if not isinstance(text, str):
        return None
    if len(text) == 36 and all(text[place] == "-" for place in _DASHES):
        text = text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
    if len(text) != 32:
        return None
    lowered = text.lower()
    return EventId(lowered) if _HEX_DIGITS.issuperset(lowered) else None


def new_event_id(randomness: bytes) -> EventId:
    """Return an event id made of 16 random bytes.

    Raises:
        ValueError: ``randomness`` has another length.
    """
    if len(randomness) != EVENT_ID_BYTES:
        msg = f"new_event_id takes {EVENT_ID_BYTES} random bytes, got {len(randomness)}"
        raise ValueError(msg)
    return EventId(randomness.hex())
