"""The functions an application calls; ``error_manager`` re-exports them."""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import Collection
from typing import TYPE_CHECKING

from error_manager.client.counters import Stats
from error_manager.client.environment import read_host_name, read_variable
from error_manager.client.hooks import ALL_HOOKS, Hooks, Loop
from error_manager.client.logging_handler import LoggingHandler as _LoggingHandler
from error_manager.client.parts import load_client, load_settings, load_transport, read_dsn
from error_manager.client.scope import add_context, bind
from error_manager.core.severity import Severity, severity_of_name

if TYPE_CHECKING:  # loaded by ``init``, see ``parts``
    from error_manager.client.client import Client
    from error_manager.client.settings import BeforeSend, ClientSettings, OnInternalError
    from error_manager.client.transport import Transport

__all__ = [
    "LoggingHandler",
    "Severity",
    "Stats",
    "add_context",
    "bind",
    "capture_exception",
    "capture_message",
    "close",
    "flush",
    "init",
    "stats",
    "watch_loop",
]

_NOTHING = Stats(captured=0, sent=0, folded=0, waiting=0, dropped={})


class _State:
    """The client of this process."""

    client: Client | None = None
    hooks: Hooks | None = None
    is_registered = False


_state = _State()


def current_client() -> Client | None:
    """Return the client that ``init`` made, None before and after ``close``."""
    return _state.client


def init(
    dsn: str | None = None,
    *,
    release: str | None = None,
    environment: str | None = None,
    service: str = "",
    server_name: str | None = None,
    with_locals: bool = True,
    with_source: bool = True,
    hooks: Collection[str] = ALL_HOOKS,
    fold_window_s: float = 60.0,
    max_queue: int = 500,
    timeout_s: float = 10.0,
    shutdown_timeout_s: float = 2.0,
    before_send: BeforeSend | None = None,
    on_internal_error: OnInternalError | None = None,
    transport: Transport | None = None,
) -> bool:
    """Begin to report errors; called again, the earlier client is closed and replaced.

    It never raises: with a DSN that cannot be used it says so on stderr and reports nothing.

    Args:
        dsn: ``http[s]://KEY@host[:port][/prefix]/PROJECT``; None reads ``ERROR_MANAGER_DSN``; "" is off.
        release: version of the application; None reads ``ERROR_MANAGER_RELEASE``.
        environment: "production", "staging", ...; None reads ``ERROR_MANAGER_ENVIRONMENT``.
        service: which part of the system this is.
        server_name: name of this machine; None asks the system.
        with_locals: whether frames carry bounded copies of their locals.
        with_source: whether frames carry the lines of source around them.
        hooks: which of "excepthook", "threading", "logging", "asyncio" to install.
        fold_window_s: the same error within so many seconds is sent once at once, and once with the count
            of the others; 0 sends each by itself.
        max_queue: errors that may wait for the background thread; further ones are dropped and counted.
        timeout_s: longest wait for an answer of the server.
        shutdown_timeout_s: longest wait at the end of the process for what is not yet sent.
        before_send: is given each error before it is masked; returns it, a changed one, or None to drop it.
        on_internal_error: is told of failures inside the client; what it raises reaches the application.
        transport: replaces the way to the server (tests).

    Returns:
        Whether errors are reported from now on.
    """
    _detach(shutdown_timeout_s)
    address = read_variable(dsn, "DSN")
    if not address.strip():
        return False
    place = read_dsn(address)
    if place is None:
        return False
    settings = load_settings()(
        dsn=place,
        release=read_variable(release, "RELEASE"),
        environment=read_variable(environment, "ENVIRONMENT"),
        service=service,
        server_name=server_name if server_name is not None else read_host_name(),
        with_locals=with_locals,
        with_source=with_source,
        fold_window_s=fold_window_s,
        max_queue=max_queue,
        timeout_s=timeout_s,
        shutdown_timeout_s=shutdown_timeout_s,
        before_send=before_send,
        on_internal_error=on_internal_error,
    )
    _attach(settings, transport, hooks)
    return True


def capture_exception(exc: BaseException | None = None) -> str:
    """Report an exception, by default the one being handled.

    Args:
        exc: the exception.

    Returns:
        The id of its error (32 hexadecimal digits), or of the one it was folded into; "" when none was taken.
    """
    client = _state.client
    return client.capture_exception(exc) if client is not None else ""


def capture_message(message: str, *, severity: str = "error", template: str = "") -> str:
    """Report a message.

    Args:
        message: the text.
        severity: "debug", "info", "warning", "error", "critical" or "fatal"; anything else counts as "error".
        template: the text before its values were put in, which groups it; "" lets the server find it.

    Returns:
        As ``capture_exception``.
    """
    client = _state.client
    if client is None:
        return ""
    known = severity_of_name(severity, Severity.ERROR)
    return client.capture_message(message, severity=known, template=template)


def flush(timeout_s: float = 2.0) -> bool:
    """Send what waits, sums of folded errors included; return whether nothing waits any more.

    Args:
        timeout_s: longest wait.
    """
    client = _state.client
    return client.flush(timeout_s) if client is not None else True


def close(timeout_s: float = 2.0) -> bool:
    """Take out the hooks, send what waits, and stop; return whether that was done in time.

    Args:
        timeout_s: longest wait.
    """
    return _detach(timeout_s)


def stats() -> Stats:
    """Return what became of the errors since ``init`` (in the child of a fork: since the fork)."""
    client = _state.client
    return client.stats() if client is not None else _NOTHING


def watch_loop(loop: Loop) -> None:
    """Report exceptions that an asyncio loop finds in callbacks and in tasks nobody awaited.

    Args:
        loop: the loop; the one running during ``init`` is watched already.
    """
    if _state.hooks is not None:
        _state.hooks.watch_loop(loop)


class LoggingHandler(_LoggingHandler):
    """Handler that reports records of level ERROR and above, where ``hooks`` leaves out logging."""

    def __init__(self, level: int = logging.ERROR) -> None:
        super().__init__(current_client, level)


def _attach(settings: ClientSettings, transport: Transport | None, hooks: Collection[str]) -> None:
    way = transport if transport is not None else load_transport(settings.dsn)
    _state.client = load_client()(settings, transport=way)
    _state.hooks = Hooks(current_client)
    _state.hooks.install(hooks)
    if not _state.is_registered:
        _state.is_registered = True
        atexit.register(_close_at_exit)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_reset_after_fork)


def _detach(timeout_s: float) -> bool:
    client, hooks = _state.client, _state.hooks
    _state.client = _state.hooks = None
    if hooks is not None:
        hooks.remove()
    return client.close(timeout_s) if client is not None else True


def _close_at_exit() -> None:
    client = _state.client
    if client is not None:
        _detach(client.settings.shutdown_timeout_s)


def _reset_after_fork() -> None:
    if _state.client is not None:
        _state.client.dispatcher.reset_after_fork()
