"""Posts bodies to the server over one kept-alive connection. Used by the background thread alone.

Loaded by ``init``, see ``parts``.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401  # resolving a host asks for it: loaded here, not by the background thread
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ssl import create_default_context
from typing import Final

from error_manager.client.settings import Dsn
from error_manager.client.transport import Answer, TransportError
from error_manager.core.version import VERSION

MAX_ANSWER_BYTES: Final = 1 << 20
MAX_RETRY_AFTER_S: Final = 300.0
"""A server that asks for more is asked again after this long."""


class HttpTransport:
    """Transport over ``http.client``; proxies of the environment are not used."""

    def __init__(self, dsn: Dsn) -> None:
        self._dsn = dsn
        self._connection: HTTPConnection | None = None
        self._headers: Mapping[str, str] = {
            "Authorization": f"Bearer {dsn.key}",
            "Content-Type": "application/x-ndjson",
            "Content-Encoding": "gzip",
            "User-Agent": f"error-manager-python/{VERSION}",
        }

    def post(self, body: bytes, *, timeout_s: float) -> Answer:
        """Send a body; a connection that the server closed meanwhile is opened again, once.

        Raises:
            TransportError: the server could not be reached, did not answer in time, or does not speak HTTP.
        """
        if self._connection is not None:
            try:
                return self._exchange(self._connection, body, timeout_s)
            except (ConnectionError, HTTPException):
                self.forget()
            except OSError as cause:
                self.forget()
                raise TransportError(str(cause)) from cause
        try:
            self._connection = self._open(timeout_s)
            return self._exchange(self._connection, body, timeout_s)
        except (OSError, HTTPException) as cause:
            self.forget()
            raise TransportError(str(cause)) from cause

    def forget(self) -> None:
        """Close our end of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self, timeout_s: float) -> HTTPConnection:
        if self._dsn.scheme == "https":
            context = create_default_context()
            return HTTPSConnection(self._dsn.host, self._dsn.port, timeout=timeout_s, context=context)
        return HTTPConnection(self._dsn.host, self._dsn.port, timeout=timeout_s)

    def _exchange(self, connection: HTTPConnection, body: bytes, timeout_s: float) -> Answer:
        connection.timeout = timeout_s
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        connection.request("POST", self._dsn.path, body=body, headers=self._headers)
        response = connection.getresponse()
        text = response.read(MAX_ANSWER_BYTES)
        if response.read(1):
            self.forget()  # a longer answer is not read to its end, so the connection cannot be used again
        return Answer(
            status=response.status,
            body=text,
            retry_after_s=parse_retry_after(response.getheader("Retry-After")),
        )


def parse_retry_after(text: str | None, *, now: datetime | None = None) -> float | None:
    """Return the seconds to wait, in [0, ``MAX_RETRY_AFTER_S``], None without a readable header.

    Source:
        RFC 9110, section 10.2.3: whole seconds or an HTTP date.
    """
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            date = parsedate_to_datetime(text)
        except ValueError:
            return None
        aware = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
        seconds = (aware - (now or datetime.now(UTC))).total_seconds()
    # min before max: NaN compares false and ends as 0.
    return max(0.0, min(seconds, MAX_RETRY_AFTER_S)) if seconds == seconds else None  # noqa: PLR0124  # NaN
