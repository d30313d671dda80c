"""Times as clients send them: epoch numbers of any unit, RFC 3339 texts (seed box: Validator)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from error_manager.core.limits import EARLIEST, LATEST

# An epoch number counts seconds up to the year 5138, then milliseconds, microseconds, nanoseconds.
_MAX_SECONDS: Final = 10**11
_MAX_MILLISECONDS: Final = 10**14
_MAX_MICROSECONDS: Final = 10**17
_LATEST_SECONDS: Final = (LATEST - EARLIEST).total_seconds()
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,20}(?:\.[0-9]{1,20})?", re.ASCII)
_MAX_CHARS: Final = 40
_LEAP_SECOND: Final = re.compile(r"(:[0-5][0-9]):60(?=$|[^0-9])")


def parse_time(value: object) -> datetime | None:
    """Return the time a client meant, aware and in UTC, or None when it cannot be read or not in 1970..2099.

    Numbers (also as text) are epoch seconds, milliseconds, microseconds or nanoseconds, told apart by size;
    texts are RFC 3339 with any number of fraction digits; without a zone they are UTC.
    """
    if isinstance(value, str):
        return _parse_text(value.strip()) if len(value) <= _MAX_CHARS else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _parse_number(value)


def _parse_text(text: str) -> datetime | None:
    if text[4:5] != "-" and _NUMBER.fullmatch(text) and len(text) != len("20261123"):
        return _parse_number(float(text))
    if ":60" in text:
        text = _LEAP_SECOND.sub(r"\1:59", text)
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not UTC:
            time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):  # overflow: year 1 or 9999 with a zone
        return None
    return time if EARLIEST <= time < LATEST else None


def _parse_number(number: float) -> datetime | None:
    if not -_MAX_MICROSECONDS * 1000 < number < _MAX_MICROSECONDS * 1000:  # also False for NaN
        return None
    if number >= _MAX_MICROSECONDS:
        seconds = number / 1e9
    elif number >= _MAX_MILLISECONDS:
        seconds = number / 1e6
    elif number >= _MAX_SECONDS:
        seconds = number / 1e3
    else:
        seconds = number
    if not 0 <= seconds < _LATEST_SECONDS:
        return None
    return EARLIEST + timedelta(seconds=seconds)
