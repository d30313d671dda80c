"""Settings of the client: arguments of ``init``, else three variables of the environment, else defaults.

Loaded by ``init``, see ``parts``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from error_manager.client.words import say
from error_manager.core.errors import ConfigurationError
from error_manager.core.types import ErrorEvent

INGEST_PATH: Final = "/api/v1/errors"
_PORTS: Final = {"http": 80, "https": 443}

BeforeSend = Callable[[ErrorEvent], ErrorEvent | None]
OnInternalError = Callable[[Exception], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dsn:
    """Where errors go: ``https://<key>@host[:port][/prefix]/<project>``."""

    scheme: str
    host: str
    port: int
    prefix: str
    key: str
    project: str

    @property
    def path(self) -> str:
        """Return the path errors are posted to."""
        return f"{self.prefix}{INGEST_PATH}"

    def __repr__(self) -> str:
        """Return the address without the key."""
        return f"Dsn({self.scheme}://…@{self.host}:{self.port}{self.prefix}/{self.project})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """Everything the client was told; see ``init`` for the meaning of each."""

    dsn: Dsn
    release: str = ""
    environment: str = ""
    service: str = ""
    server_name: str = ""
    with_locals: bool = True
    with_source: bool = True
    fold_window_s: float = 60.0
    max_queue: int = 500
    timeout_s: float = 10.0
    shutdown_timeout_s: float = 2.0
    max_attempts: int = 8
    backoff_s: float = 0.5
    linger_s: float = 0.05
    before_send: BeforeSend | None = None
    on_internal_error: OnInternalError | None = None


def parse_dsn(text: str) -> Dsn:
    """Return the parts of a DSN.

    Raises:
        ConfigurationError: naming everything that is wrong with it; the key is not repeated in the text.
    """
    try:
        url = urlsplit(text.strip())
        port = url.port
        host, key, path = url.hostname, url.username, url.path
    except ValueError as cause:
        raise ConfigurationError([f"the DSN is no URL: {cause}"]) from cause
    prefix, _, project = path.rstrip("/").rpartition("/")
    problems = []
    if url.scheme not in _PORTS:
        problems.append("the DSN must begin with http:// or https://")
    if not host:
        problems.append("the DSN names no host")
    if not key:
        problems.append("the DSN has no key (https://KEY@host/PROJECT)")
    if not project:
        problems.append("the DSN names no project (https://KEY@host/PROJECT)")
    if problems:
        raise ConfigurationError(problems)
    return Dsn(
        scheme=url.scheme,
        host=host or "",
        port=port or _PORTS[url.scheme],
        prefix=prefix,
        key=key or "",
        project=project,
    )


def read_dsn(text: str) -> Dsn | None:
    """Return the parts of a DSN; None, and a word on stderr, when it cannot be used."""
    try:
        return parse_dsn(text)
    except ConfigurationError as problem:
        say(f"errors are not reported: {problem}")
        return None
