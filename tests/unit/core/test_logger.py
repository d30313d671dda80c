"""One JSON line per record, from each of the four ways to log."""

from __future__ import annotations

import io
import json
import logging
import sys
from datetime import UTC, datetime

import loguru
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.logger import (
    JsonFormatter,
    JsonProcessor,
    JsonSink,
    StructuredLogger,
    describe_exception,
    format_line,
)

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_our_logger_writes_fields_and_exception():
    """A line carries time, severity, logger, event, bound and given fields, and the exception."""
    stream = io.StringIO()
    logger = StructuredLogger("worker", stream=stream, clock=lambda: NOON).bind(slot=3)
    logger.info("index_rebuilt", rows=7)
    try:
        raise ValueError("line\nbreak")
    except ValueError as exc:
        logger.error("batch_failed", exc=exc)  # noqa: TRY400  # our logger, not that of logging
    first, second = stream.getvalue().splitlines()
    assert json.loads(first) == {
        "timestamp": "2026-11-23T12:00:00.000000Z",
        "severity": "info",
        "logger": "worker",
        "event": "index_rebuilt",
        "slot": 3,
        "rows": 7,
    }
    exception = json.loads(second)["exception"]
    assert (exception["type"], exception["value"]) == ("ValueError", "line\nbreak")
    assert "Traceback" in exception["stack_trace"]


def test_levels_of_our_logger():
    """Each method writes its severity, by default to the stderr of the moment."""
    stream = io.StringIO()
    logger = StructuredLogger("x", stream=stream)
    logger.debug("a")
    logger.warning("b")
    assert [json.loads(line)["severity"] for line in stream.getvalue().splitlines()] == ["debug", "warning"]


def test_stderr_is_the_default(capsys):
    """Without a stream lines go to stderr."""
    StructuredLogger("x").info("hello")
    assert json.loads(capsys.readouterr().err)["event"] == "hello"


def test_the_formatter_serves_logging():
    """Message, template, extra fields, exception and stack of a ``logging`` record are one line."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.Logger("shop")  # noqa: LOG001  # not to be found by other tests
    logger.addHandler(handler)
    try:
        raise KeyError("k")
    except KeyError:
        logger.exception("order %s", 7, extra={"cart": {"id": 1}}, stack_info=True)
    logger.error("%d", "no number")
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["message"], first["template"], first["severity"], first["cart"]) == (
        "order 7",
        "order %s",
        "error",
        {"id": 1},
    )
    assert first["exception"]["value"] == "'k'"
    assert "test_the_formatter" in first["stack"]
    assert second["message"] == "%d (arguments do not fit)"


def test_the_processor_serves_structlog():
    """A structlog event becomes one line, with ``exc_info`` as exception and the method as severity."""
    stream = io.StringIO()
    logger = structlog.wrap_logger(structlog.PrintLogger(stream), processors=[JsonProcessor()])
    try:
        raise ValueError("v")
    except ValueError as exc:
        logger.exception("pay_failed", order=7)
        logger.warn("again", exc_info=exc)  # noqa: G010  # structlog has this alias
    logger.info("fine", timestamp=NOON)
    first, second, third = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["event"], first["order"], first["severity"]) == ("pay_failed", 7, "error")
    assert first["exception"]["value"] == second["exception"]["value"] == "v"
    assert second["severity"] == "warning"
    assert third["timestamp"] == "2026-11-23T12:00:00.000000Z"
    assert "exception" not in third


def test_the_sink_serves_loguru():
    """A loguru record becomes one line, bound fields and exception included."""
    stream = io.StringIO()
    loguru.logger.remove()
    loguru.logger.add(JsonSink(stream))
    try:
        try:
            raise ValueError("v")
        except ValueError:
            loguru.logger.bind(order=7).exception("pay failed")
    finally:
        loguru.logger.remove()
        loguru.logger.add(sys.stderr)
    line = json.loads(stream.getvalue())
    assert (line["message"], line["order"], line["severity"], line["exception"]["type"]) == (
        "pay failed",
        7,
        "error",
        "ValueError",
    )


def test_broken_exceptions_are_described():
    """An exception that cannot be written out keeps type and trace."""

    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    try:
        raise BrokenError
    except BrokenError as exc:
        described = describe_exception(exc)
    assert described["value"] == "<unprintable BrokenError object>"
    assert "test_broken_exceptions" in str(described["stack_trace"])


@given(
    st.dictionaries(
        st.text(),
        st.recursive(
            st.none()
            | st.integers()
            | st.floats()
            | st.text()
            | st.binary()
            | st.datetimes()
            | st.complex_numbers(),
            lambda inner: st.lists(inner) | st.dictionaries(st.integers() | st.text(), inner),
            max_leaves=20,
        ),
        max_size=5,
    )
)
def test_any_fields_make_one_line(fields):
    """Whatever the fields hold, the result is one line of strict JSON in ASCII."""
    line = format_line(fields)
    assert "\n" not in line
    assert line.isascii()
    assert set(json.loads(line, parse_constant=pytest.fail)) == {str(name) for name in fields}


def test_deep_values_are_cut():
    """Objects inside objects without end are cut, not refused."""
    value: dict[str, object] = {}
    value["self"] = value
    assert len(format_line({"value": value})) < 500


def test_values_of_the_application_are_not_asked():
    """An unknown value shows its type; its ``__repr__`` is not called."""

    class Slow:
        def __repr__(self) -> str:
            raise AssertionError("repr was called")

    assert "Slow" in format_line({"value": Slow()})
