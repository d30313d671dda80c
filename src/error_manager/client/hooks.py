"""Reports what nobody caught, or what was logged: excepthook, threads, asyncio loops, ``logging``.

Each hook calls what stood there before it. Where another library has put its own hook on top of ours, ours
cannot be taken out again: it stays and does nothing more.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import Any, Final, Protocol

from error_manager.client.logging_handler import GetClient, is_own
from error_manager.core.severity import Severity

ALL_HOOKS: Final = frozenset({"excepthook", "threading", "logging", "asyncio"})
"""``asyncio``: the loop that runs during ``init``; other loops log what they find (or ``watch_loop``)."""


class Loop(Protocol):
    """The part of ``asyncio.AbstractEventLoop`` used here (importing asyncio costs 40 ms)."""

    def get_exception_handler(self) -> Callable[[Any, dict[str, Any]], object] | None:
        """Return the handler that is set, or None for the default one."""
        ...

    def set_exception_handler(self, handler: Callable[[Any, dict[str, Any]], object] | None) -> None:
        """Set the handler."""
        ...

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Log the failure."""
        ...


class Hooks:
    """The hooks of one client."""

    def __init__(self, get_client: GetClient) -> None:
        self._get_client = get_client
        self._is_active = False
        self._undo: list[Callable[[], None]] = []

    def install(self, names: Collection[str]) -> None:
        """Install the named hooks (see ``ALL_HOOKS``); others are ignored."""
        self._is_active = True
        if "excepthook" in names:
            self._install_excepthook()
        if "threading" in names:
            self._install_threading()
        if "logging" in names:
            self._install_logging()
        if "asyncio" in names and (loop := _running_loop()) is not None:
            self.watch_loop(loop)

    def remove(self) -> None:
        """Put back what stood there before."""
        self._is_active = False
        while self._undo:
            self._undo.pop()()

    def watch_loop(self, loop: Loop) -> None:
        """Report exceptions that an asyncio loop finds in callbacks and in tasks nobody awaited."""
        before = loop.get_exception_handler()

        def handle(running: Loop, context: dict[str, Any]) -> None:
            exc = context.get("exception")
            if isinstance(exc, Exception):
                self._report(exc, "asyncio", message="")
            if before is not None:
                before(running, context)
            else:
                running.default_exception_handler(context)

        def undo() -> None:
            if loop.get_exception_handler() is handle:
                loop.set_exception_handler(before)

        loop.set_exception_handler(handle)
        self._undo.append(undo)

    def _install_excepthook(self) -> None:
        before = sys.excepthook

        def hook(kind: type[BaseException], exc: BaseException, traceback: TracebackType | None) -> None:
            if isinstance(exc, (Exception, BaseExceptionGroup)):
                self._report(exc, "excepthook", severity=Severity.FATAL)
            before(kind, exc, traceback)

        def undo() -> None:
            if sys.excepthook is hook:
                sys.excepthook = before

        sys.excepthook = hook
        self._undo.append(undo)

    def _install_threading(self) -> None:
        before = threading.excepthook

        def hook(args: threading.ExceptHookArgs, /) -> None:
            if isinstance(args.exc_value, (Exception, BaseExceptionGroup)):
                self._report(args.exc_value, "threading")
            before(args)

        def undo() -> None:
            if threading.excepthook is hook:
                threading.excepthook = before

        threading.excepthook = hook
        self._undo.append(undo)

    def _install_logging(self) -> None:
        # A handler on the root logger would switch off logging.basicConfig(), be removed by dictConfig() and
        # miss loggers that do not propagate; so the one method that all records go through is wrapped.
        before = logging.Logger.callHandlers

        def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
            if record.levelno >= logging.ERROR and self._is_active and not is_own(record):
                self._report_record(record)
            before(logger, record)

        def undo() -> None:
            if logging.Logger.callHandlers is call_handlers:
                logging.Logger.callHandlers = before  # type: ignore[method-assign]  # what stood there

        logging.Logger.callHandlers = call_handlers  # type: ignore[method-assign,assignment]  # see above
        self._undo.append(undo)

    def _report(
        self, exc: BaseException, route: str, *, severity: Severity = Severity.ERROR, message: str = ""
    ) -> None:
        client = self._get_client() if self._is_active else None
        if client is not None:
            client.capture_exception(
                exc, route=route, mechanism=route, is_handled=False, severity=severity, message=message
            )

    def _report_record(self, record: logging.LogRecord) -> None:
        client = self._get_client()
        if client is not None:
            client.capture_record(record)


def _running_loop() -> Loop | None:
    """Return the asyncio loop that runs in this thread, None also when nobody has imported asyncio."""
    modules: Mapping[str, Any] = sys.modules
    asyncio = modules.get("asyncio")
    try:
        loop: Loop | None = asyncio.get_running_loop() if asyncio is not None else None
    except RuntimeError:
        return None
    return loop
