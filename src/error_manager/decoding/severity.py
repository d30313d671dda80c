"""Severities as clients name or number them (seed box: Error Entry)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from error_manager.core.types import Severity
from error_manager.decoding.reader import FieldReader, scalar_text

_MAX_SHOWN_CHARS: Final = 40
_NAMES: Final[Mapping[str, Severity]] = {
    **{severity.value: severity for severity in Severity},
    "trace": Severity.DEBUG,
    "sample": Severity.DEBUG,
    "log": Severity.INFO,
    "notice": Severity.INFO,
    "warn": Severity.WARNING,
    "err": Severity.ERROR,
    "crit": Severity.CRITICAL,
    "alert": Severity.CRITICAL,
    "emergency": Severity.FATAL,
    "panic": Severity.FATAL,
}


def parse_severity(value: object) -> Severity | None:
    """Return the severity of a name (any case) or of a number of Python's ``logging``, or None.

    Numbers take the name of the level they reach (35 is a warning); 50 and more are critical.
    """
    if isinstance(value, str):
        name = value.strip().lower()
        if name in _NAMES:
            return _NAMES[name]
        return _of_number(int(name)) if name.isdecimal() and len(name) <= 3 else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return _of_number(value)


def read_severity(reader: FieldReader, value: object) -> Severity:
    """Return the severity; absent ones are ``error``, unknown ones too, with a note."""
    if value is None:
        return Severity.ERROR
    severity = parse_severity(value)
    if severity is None:
        reader.note("severity", f"replaced by error: unknown level {scalar_text(value, _MAX_SHOWN_CHARS)}")
        return Severity.ERROR
    return severity


def _of_number(number: int) -> Severity | None:
    """Source: logging.DEBUG = 10, INFO = 20, WARNING = 30, ERROR = 40, CRITICAL = 50."""
    if number < 0:
        return None
    scale = (Severity.DEBUG, Severity.DEBUG, Severity.INFO, Severity.WARNING, Severity.ERROR)
    return scale[number // 10] if number < 50 else Severity.CRITICAL
