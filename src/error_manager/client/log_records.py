"""Errors out of ``logging`` records, for the hook and for a handler of one's own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from error_manager.client.client import Client
from error_manager.core.logger import extra_fields, severity_of_level

GetClient = Callable[[], Client | None]
OWN_LOGGER: Final = "error_manager"


def capture_record(client: Client, record: logging.LogRecord) -> str:
    """Take a log record as an error and return its id.

    The traceback of ``exc_info`` is kept, also that of an exception logged as the message itself.
    """
    message, template = _texts_of(record)
    exc = record.exc_info[1] if record.exc_info else None
    if exc is None and isinstance(record.msg, BaseException):
        exc = record.msg
    logged = {
        "path": record.pathname,
        "line": record.lineno,
        "function": record.funcName or "",
    }
    context: dict[str, object] = {**extra_fields(record), "contexts": {"log": logged}}
    severity = severity_of_level(record.levelno)
    if exc is None:
        return client.capture_message(
            message, severity=severity, template=template, logger=record.name, context=context
        )
    return client.capture_exception(
        exc,
        route=f"logging:{record.pathname}:{record.lineno}",
        mechanism="logging",
        message=message,
        template=template,
        logger=record.name,
        severity=severity,
        context=context,
    )


def is_own(record: logging.LogRecord) -> bool:
    """Return whether a record comes from Error Manager itself."""
    return record.name == OWN_LOGGER or record.name.startswith(f"{OWN_LOGGER}.")


def _texts_of(record: logging.LogRecord) -> tuple[str, str]:
    """Return message and template; a record whose arguments do not fit its message keeps the template."""
    template = record.msg if isinstance(record.msg, str) else ""
    try:
        return record.getMessage(), template
    except Exception:  # noqa: BLE001  # arguments of the application; logging itself only prints a complaint
        return template, template


class LoggingHandler(logging.Handler):
    """Reports records of level ERROR and above, of the loggers it is added to."""

    def __init__(self, get_client: GetClient, level: int = logging.ERROR) -> None:
        super().__init__(level)
        self._get_client = get_client

    def emit(self, record: logging.LogRecord) -> None:
        """Report a record."""
        client = self._get_client()
        if client is None or is_own(record):
            return
        try:
            capture_record(client, record)
        except Exception as failure:  # noqa: BLE001  # the guard: logging must go on
            client.guard(failure)
