"""The web request of an error as plain values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_MAX_HEADERS: Final = 50
_MAX_CHARS: Final = 2_048
_LEFT_OUT: Final = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key"})
"""Headers that hold nothing but secrets never leave the process."""


def describe_request(
    *,
    scheme: str,
    host: str,
    path: str,
    query: str,
    method: str,
    headers: Iterable[tuple[str, str]],
    route: str,
) -> dict[str, object]:
    """Return the request as the background thread expects it, every text bounded.

    Args:
        scheme: "http", "https", "ws" or "wss".
        host: host and port as the caller named them.
        path: path without query string.
        query: query string without "?".
        method: "GET", ...; "" for a websocket.
        headers: names and values.
        route: template of the path when the framework tells it: names the transaction.
    """
    kept = [(name, value) for name, value in headers if name.lower() not in _LEFT_OUT]
    return {
        "url": f"{scheme}://{host}{path}"[:_MAX_CHARS],
        "query_string": query[:_MAX_CHARS],
        "method": method,
        "headers": {name[:200]: value[:_MAX_CHARS] for name, value in kept[:_MAX_HEADERS]},
        "transaction": f"{method} {route or path}".strip()[:_MAX_CHARS],
    }
