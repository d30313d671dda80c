"""Reads ``logging`` records: what an error is made of, for the hook and for a handler of one's own."""

from __future__ import annotations

import logging
from typing import NamedTuple

from error_manager.core.logger import extra_fields
from error_manager.core.severity import Severity, severity_of_level


class Logged(NamedTuple):
    """What a record says; ``exc`` is None when it brings no exception, ``template`` "" when it has none."""

    exc: BaseException | None
    message: str
    template: str
    severity: Severity
    context: dict[str, object]


def read_record(record: logging.LogRecord) -> Logged:
    """Return what a record says, the exception of ``exc_info`` or one logged as the message included."""
    message, template = _texts_of(record)
    exc = record.exc_info[1] if record.exc_info else None
    if exc is None and isinstance(record.msg, BaseException):
        exc = record.msg
    logged = {
        "path": record.pathname,
        "line": record.lineno,
        "function": record.funcName or "",
    }
    context = {**extra_fields(record), "contexts": {"log": logged}}
    return Logged(exc, message, template, severity_of_level(record.levelno), context)


def _texts_of(record: logging.LogRecord) -> tuple[str, str]:
    """Return message and template; a record whose arguments do not fit its message keeps the template."""
    template = record.msg if isinstance(record.msg, str) else ""
    try:
        return record.getMessage(), template
    except Exception:  # noqa: BLE001  # arguments of the application; logging itself only prints a complaint
        return template, template
