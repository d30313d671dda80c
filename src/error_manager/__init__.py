"""Error Manager: the client library (``init``, ``capture_exception``, ``bind``); needs no other package."""

from error_manager.client.api import (
    LoggingHandler,
    Severity,
    Stats,
    add_context,
    bind,
    capture_exception,
    capture_message,
    close,
    flush,
    init,
    stats,
    watch_loop,
)

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
