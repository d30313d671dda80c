"""Parts that only a process that reports errors needs, loaded by name when ``init`` is called.

``import error_manager`` is paid by every program that has it in its imports, also by those that never call
``init``: without HTTP, TLS and the masking rules it takes a third less (bench/client.py, 2026-11). ``init``
loads them, not the background thread: a fork while a thread imports would leave the child with a lock that
nobody opens.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from error_manager.client.settings import Dsn
from error_manager.client.transport import Transport
from error_manager.core.types import ErrorEvent


def load_transport(dsn: Dsn) -> Transport:
    """Return the HTTP transport to a DSN."""
    transport: Transport = import_module("error_manager.client.http_transport").HttpTransport(dsn)
    return transport


def load_mask() -> Callable[[ErrorEvent], ErrorEvent]:
    """Return the function that masks an error with the rules of ``security.pii``."""
    mask: Callable[[ErrorEvent], ErrorEvent] = import_module("error_manager.client.masking").make_mask()
    return mask
