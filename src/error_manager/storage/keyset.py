"""Opaque cursors of lists: where a page ended, so that the next starts behind it however the list grew."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from error_manager.core.errors import ValidationError
from error_manager.core.types import FieldError

_MAX_CHARS: Final = 200
_MAX_NUMBER: Final = 2**63 - 1


def encode_cursor(position: datetime | int, row_id: int | UUID) -> str:
    """Return the cursor behind the row with that sort value and id."""
    value = position.astimezone(UTC).isoformat() if isinstance(position, datetime) else position
    text = json.dumps([value, str(row_id)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def time_cursor(cursor: str | None) -> tuple[datetime, str] | None:
    """Return (sort value, id) of a cursor of a list sorted by time, None for the first page.

    Raises:
        ValidationError: this is no cursor of such a list.
    """
    if cursor is None:
        return None
    value, row_id = _parts(cursor)
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise _wrong() from error
    if moment.tzinfo is None:
        raise _wrong()
    return moment, row_id


def number_cursor(cursor: str | None) -> tuple[int, str] | None:
    """Return (sort value, id) of a cursor of a list sorted by a number, None for the first page.

    Raises:
        ValidationError: this is no cursor of such a list.
    """
    if cursor is None:
        return None
    value, row_id = _parts(cursor)
    if not isinstance(value, int) or abs(value) > _MAX_NUMBER:
        raise _wrong()
    return value, row_id


def cursor_number(row_id: str) -> int:
    """Return the id in a cursor of a list whose rows have integer ids.

    Raises:
        ValidationError: it is none.
    """
    if not (row_id.isascii() and row_id.isdigit()) or len(row_id) > len(str(2**31)):
        raise _wrong()
    number = int(row_id)
    if number >= 2**31:
        raise _wrong()
    return number


def cursor_uuid(row_id: str) -> UUID:
    """Return the id in a cursor of a list whose rows have UUIDs.

    Raises:
        ValidationError: it is none.
    """
    try:
        return UUID(row_id)
    except ValueError as error:
        raise _wrong() from error


def _parts(cursor: str) -> tuple[object, str]:
    if len(cursor) > _MAX_CHARS:
        raise _wrong()
    try:
        decoded = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _wrong() from error
    match decoded:
        case [str() | int() as value, str() as row_id] if not isinstance(value, bool):
            return value, row_id
        case _:
            raise _wrong()


def _wrong() -> ValidationError:
    return ValidationError(
        (FieldError(path="cursor", message="expected the `next` of an earlier page of this list"),)
    )
