"""Hooks report what nobody caught or what was logged, and let everything else go on as before."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading

import pytest

import error_manager


def raised() -> BaseException:
    """Return an exception after it was raised."""
    try:
        raise ValueError("boom")
    except ValueError as exc:
        return exc


@pytest.fixture
def quiet(monkeypatch):
    """Keep what reaches the hooks that stood there before."""
    seen: list[object] = []
    monkeypatch.setattr(sys, "excepthook", lambda *args: seen.append(args[1]))
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append(args.exc_value))
    return seen


def test_uncaught_exceptions_are_reported_and_passed_on(begin, transport, quiet):
    """``sys.excepthook`` reports as fatal and unhandled, then calls the hook before it."""
    begin(hooks=("excepthook",))
    exc = raised()
    sys.excepthook(ValueError, exc, exc.__traceback__)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert error_manager.flush(5)
    (error,) = transport.errors
    assert (
        error["severity"],
        error["exceptions"][-1]["mechanism"],
        error["exceptions"][-1]["is_handled"],
    ) == (
        "fatal",
        "excepthook",
        False,
    )
    assert quiet[0] is exc
    assert len(quiet) == 2


def test_threads_that_end_in_an_exception_are_reported(begin, transport, quiet):
    """An exception that ends a thread is reported with the name of the thread."""
    begin(hooks=("threading",))

    def work() -> None:
        raise ValueError("in a thread")

    thread = threading.Thread(target=work, name="worker-7")
    thread.start()
    thread.join()
    assert error_manager.flush(5)
    (error,) = transport.errors
    assert error["contexts"]["thread"]["name"] == "worker-7"
    assert error["exceptions"][-1]["mechanism"] == "threading"
    assert len(quiet) == 1


def test_close_puts_the_hooks_back(begin, quiet):
    """After ``close`` everything is as it was before ``init``."""
    before = (sys.excepthook, threading.excepthook, logging.Logger.callHandlers)
    begin(hooks=("excepthook", "threading", "logging"))
    assert sys.excepthook is not before[0]
    error_manager.close()
    assert (sys.excepthook, threading.excepthook, logging.Logger.callHandlers) == before


def test_a_hook_below_another_does_nothing_after_close(begin, transport, quiet):
    """Where another library has wrapped our hook, it stays in place and reports no more."""
    begin(hooks=("excepthook",))
    ours = sys.excepthook
    sys.excepthook = lambda kind, exc, traceback: ours(kind, exc, traceback)  # noqa: PLW0108  # a wrapper
    error_manager.close()
    begin(hooks=())
    exc = raised()
    sys.excepthook(ValueError, exc, exc.__traceback__)
    assert error_manager.flush(5)
    assert transport.errors == []
    assert quiet == [exc]


def test_logged_errors_are_reported_with_traceback_and_template(begin, transport):
    """ERROR and above are reported with message, template, logger, extra fields and traceback."""
    begin(hooks=("logging",))
    logger = logging.getLogger("shop.pay")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    try:
        raise ValueError("boom")
    except ValueError:
        logger.exception("order %s failed", 7, extra={"cart": "c1"})
    logger.critical("disk %d full", 3)
    logger.warning("not an error")
    assert error_manager.flush(5)
    first, second = transport.errors
    assert (first["message"], first["template"], first["logger"]) == (
        "order 7 failed",
        "order %s failed",
        "shop.pay",
    )
    assert first["extra"] == {"cart": "c1"}
    assert first["exceptions"][-1]["frames"][-1]["function"].startswith("test_logged_errors")
    assert first["contexts"]["log"]["function"].startswith("test_logged_errors")
    assert (second["message"], second["severity"]) == ("disk 3 full", "critical")


def test_odd_records_are_reported(begin, transport):
    """An exception logged as the message, and arguments that do not fit, are no obstacle."""
    begin(hooks=("logging",))
    logger = logging.getLogger("odd")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    logger.error(raised())
    logger.error("%d apples", "no number")
    assert error_manager.flush(5)
    assert [error["message"] for error in transport.errors] == ["boom", "%d apples"]
    assert transport.errors[0]["exceptions"][-1]["type"] == "ValueError"


def test_a_record_that_cannot_be_read_is_counted_and_logging_goes_on(begin, transport):
    """It is a failure of the client: told, counted as one dropped error, and the next record is taken."""
    failures: list[Exception] = []
    begin(hooks=("logging",), on_internal_error=failures.append)
    logger = logging.getLogger("unread")
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    logger.error("first")
    record = logging.makeLogRecord({"name": "unread", "levelno": logging.ERROR, "msg": "m"})
    del record.funcName
    logger.handle(record)
    logger.error("second")
    assert error_manager.flush(5)
    assert [type(failure) for failure in failures] == [AttributeError]
    assert [error["message"] for error in transport.errors] == ["first", "second"]
    stats = error_manager.stats()
    assert (stats.captured, stats.sent, stats.waiting, stats.dropped) == (3, 2, 0, {"internal": 1})


def test_the_logging_hook_leaves_basic_config_alone(begin):
    """The root logger gets no handler, so ``basicConfig`` works after ``init`` as before."""
    before = list(logging.getLogger().handlers)
    begin(hooks=("logging",))
    assert logging.getLogger().handlers == before


def test_the_handler_reports_chosen_loggers(begin, transport):
    """``LoggingHandler`` reports the loggers it is added to, and is silent without a client."""
    handler = error_manager.LoggingHandler()
    logger = logging.getLogger("chosen")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        logger.error("before init")
        begin()
        logger.error("chosen %s", "one")
        logging.getLogger("error_manager.x").addHandler(handler)
        logging.getLogger("error_manager.x").error("own")
        assert error_manager.flush(5)
    finally:
        logger.removeHandler(handler)
        logging.getLogger("error_manager.x").removeHandler(handler)
    assert [error["message"] for error in transport.errors] == ["chosen one"]


def test_asyncio_failures_are_reported_once(begin, transport):
    """A callback that fails is reported by the loop's handler, and not again by asyncio's own log line."""

    def fail() -> None:
        raise ValueError("in a callback")

    async def run() -> None:
        begin(hooks=("asyncio", "logging"))
        asyncio.get_running_loop().call_soon(fail)
        await asyncio.sleep(0.01)

    asyncio.run(run())
    assert error_manager.flush(5)
    (error,) = transport.errors
    assert error["exceptions"][-1]["mechanism"] == "asyncio"


def test_a_loop_keeps_its_own_handler(begin, transport):
    """The handler a loop had is still called; ``close`` puts it back."""
    seen: list[object] = []

    def own(_loop: object, context: dict[str, object]) -> None:
        seen.append(context["exception"])

    loop = asyncio.new_event_loop()
    try:
        loop.set_exception_handler(own)
        begin()
        error_manager.watch_loop(loop)
        loop.call_exception_handler({"message": "m", "exception": raised()})
        assert error_manager.flush(5)
        error_manager.close()
        assert loop.get_exception_handler() is own
    finally:
        loop.close()
    assert len(seen) == len(transport.errors) == 1
