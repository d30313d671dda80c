"""Structured logger: one JSON line per record (seed box: Structured Logger).

Works by itself (``StructuredLogger``), below ``logging`` (``JsonFormatter``), as a structlog processor
(``JsonProcessor``) and as a loguru sink (``JsonSink``); neither library is imported. All four write
``timestamp severity logger message`` (``event`` for structlog and by itself) and, when there is an exception,
``exception`` with type, value and stack trace.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from error_manager.core.encoding import time_to_text
from error_manager.core.frozen import Budget, freeze, plain
from error_manager.core.limits import MAX_TEXT_CHARS, cut_text_middle
from error_manager.core.severity import Severity, severity_of_level, severity_of_name

_MAX_VALUES: Final = 1_000
_RECORD_FIELDS: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def extra_fields(record: logging.LogRecord) -> dict[str, object]:
    """Return what the application gave a record by ``extra=``."""
    return {name: value for name, value in vars(record).items() if name not in _RECORD_FIELDS}


def format_line(fields: Mapping[str, object]) -> str:
    """Return the fields as one line of JSON (ASCII, no line end); values of unknown types show their type.

    It never fails: values are copied within bounds and without running code of the application.
    """
    budget = Budget(_MAX_VALUES)
    out = {str(name): _plain(value, budget) for name, value in fields.items()}
    return json.dumps(out, separators=(",", ":"))


def _plain(value: object, budget: Budget, depth: int = 0) -> object:
    if isinstance(value, datetime):
        return _time_text(value)
    # Texts are kept longer than locals are: a message or trace is what one reads the line for.
    if type(value) is str:
        return cut_text_middle(value, MAX_TEXT_CHARS)
    if type(value) is dict and depth == 0:
        return {str(key): _plain(member, budget, 1) for key, member in value.items()}
    return plain(freeze(value, budget))


def _time_text(value: datetime) -> str:
    try:
        return time_to_text(value)
    except (OverflowError, ValueError):
        return value.isoformat()


def describe_exception(exc: BaseException) -> dict[str, object]:
    """Return type, value and stack trace of an exception and its causes; survives a broken one."""
    kind = type(exc)
    try:
        trace = "".join(traceback.format_exception(exc))
    except Exception:  # noqa: BLE001  # a broken exception class of the application; the line must be written
        trace = "".join(traceback.format_tb(exc.__traceback__))
    try:
        value = str(exc)
    except Exception:  # noqa: BLE001  # as above
        value = f"<unprintable {kind.__name__} object>"
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return {"type": f"{module}{kind.__qualname__}", "value": value, "stack_trace": trace}


def _now() -> datetime:
    return datetime.now(UTC)


class StructuredLogger:
    """Writes one JSON line per call to a stream.

    Args:
        name: name of the logger.
        stream: where lines go; None is the ``sys.stderr`` of the moment.
        fields: what every line carries.
        clock: returns the time, aware.
    """

    def __init__(
        self,
        name: str,
        *,
        stream: TextIO | None = None,
        fields: Mapping[str, object] | None = None,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._name = name
        self._stream = stream
        self._fields = dict(fields or {})
        self._clock = clock

    def bind(self, **fields: object) -> StructuredLogger:
        """Return a logger whose lines carry these fields too."""
        return StructuredLogger(
            self._name, stream=self._stream, fields={**self._fields, **fields}, clock=self._clock
        )

    def log(
        self, severity: Severity, event: str, *, exc: BaseException | None = None, **fields: object
    ) -> None:
        """Write one line.

        Args:
            severity: how bad it is.
            event: what happened, in the past tense (``index_rebuilt``).
            exc: exception to describe.
            fields: values.
        """
        line: dict[str, object] = {
            "timestamp": self._clock(),
            "severity": severity.value,
            "logger": self._name,
            "event": event,
            **self._fields,
            **fields,
        }
        if exc is not None:
            line["exception"] = describe_exception(exc)
        stream = self._stream if self._stream is not None else sys.stderr
        # One write, so that lines of several threads and processes do not mix.
        stream.write(format_line(line) + "\n")
        stream.flush()

    def debug(self, event: str, **fields: object) -> None:
        """Write a line of severity debug."""
        self.log(Severity.DEBUG, event, exc=None, **fields)

    def info(self, event: str, **fields: object) -> None:
        """Write a line of severity info."""
        self.log(Severity.INFO, event, exc=None, **fields)

    def warning(self, event: str, *, exc: BaseException | None = None, **fields: object) -> None:
        """Write a line of severity warning."""
        self.log(Severity.WARNING, event, exc=exc, **fields)

    def error(self, event: str, *, exc: BaseException | None = None, **fields: object) -> None:
        """Write a line of severity error."""
        self.log(Severity.ERROR, event, exc=exc, **fields)


class JsonFormatter(logging.Formatter):
    """Formatter of ``logging`` that makes one JSON line of a record, ``extra`` fields included."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC),
            "severity": severity_of_level(record.levelno).value,
            "logger": record.name,
            "message": _message_of(record),
        }
        if record.args and isinstance(record.msg, str):
            line["template"] = record.msg
        line |= {"module": record.module, "line": record.lineno, **extra_fields(record)}
        exc = record.exc_info[1] if record.exc_info else None
        if exc is not None:
            line["exception"] = describe_exception(exc)
        elif record.exc_text:
            line["exception"] = {"stack_trace": record.exc_text}
        if record.stack_info:
            line["stack"] = record.stack_info
        return format_line(line)


def _message_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  # arguments that do not fit the message; the line must be written
        text = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        return f"{text} (arguments do not fit)"


class JsonProcessor:
    """Last processor of a structlog chain: returns the event as one JSON line."""

    def __call__(self, logger: object, method_name: str, event_dict: MutableMapping[str, Any]) -> str:
        """Return the line.

        Args:
            logger: the wrapped logger, whose ``name`` is written when it has one.
            method_name: "info", "error", ...: the severity unless the event has a ``level``.
            event_dict: the event.
        """
        fields = dict(event_dict)
        exc = _exception_of(fields.pop("exc_info", None))
        level = str(fields.pop("level", method_name))
        line: dict[str, object] = {
            "timestamp": fields.pop("timestamp", None) or _now(),
            "severity": severity_of_name(level, Severity.INFO).value,
            "logger": fields.pop("logger", None) or _text_or_nothing(getattr(logger, "name", "")),
            **fields,
        }
        if exc is not None:
            line["exception"] = describe_exception(exc)
        return format_line(line)


class JsonSink:
    """Sink of loguru: ``logger.add(JsonSink(stream))``.

    Args:
        stream: where lines go; None is the ``sys.stderr`` of the moment.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def __call__(self, message: object) -> None:
        """Write the record that loguru's message carries."""
        record: Mapping[str, Any] = getattr(message, "record", {})
        line: dict[str, object] = {
            "timestamp": record.get("time") or _now(),
            "severity": severity_of_level(getattr(record.get("level"), "no", logging.INFO)).value,
            "logger": record.get("name") or "",
            "message": record.get("message", ""),
            "line": record.get("line", 0),
            **record.get("extra", {}),
        }
        exc = getattr(record.get("exception"), "value", None)
        if isinstance(exc, BaseException):
            line["exception"] = describe_exception(exc)
        stream = self._stream if self._stream is not None else sys.stderr
        stream.write(format_line(line) + "\n")


def _exception_of(exc_info: object) -> BaseException | None:
    """Return the exception that structlog's ``exc_info`` means: True, an exception, or a triple."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple) and len(exc_info) == 3 and isinstance(exc_info[1], BaseException):
        return exc_info[1]
    return sys.exc_info()[1] if exc_info else None


def _text_or_nothing(value: object) -> str:
    return value if isinstance(value, str) else ""
