"""What only a process that reports errors needs, loaded by name when ``init`` is called.

``import error_manager`` is paid by every program that has it in its imports, also by those that never call
``init``: with the functions alone it takes less than half of what it takes with the client behind them
(bench/client.py, 2026-11). ``init`` loads that, not the background thread: a fork while a thread imports
would leave the child with a lock that nobody opens.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what is loaded here must not be loaded by importing this
    from error_manager.client.client import Client
    from error_manager.client.settings import ClientSettings, Dsn
    from error_manager.client.transport import Transport


def read_dsn(text: str) -> Dsn | None:
    """Return the parts of a DSN; None, and a word on stderr, when it cannot be used."""
    dsn: Dsn | None = import_module("error_manager.client.settings").read_dsn(text)
    return dsn


def load_settings() -> type[ClientSettings]:
    """Return the class of the settings."""
    settings: type[ClientSettings] = import_module("error_manager.client.settings").ClientSettings
    return settings


def load_client() -> type[Client]:
    """Return the class of the client, with everything behind it but the way to the server."""
    client: type[Client] = import_module("error_manager.client.client").Client
    return client


def load_transport(dsn: Dsn) -> Transport:
    """Return the HTTP transport to a DSN."""
    transport: Transport = import_module("error_manager.client.http_transport").HttpTransport(dsn)
    return transport
