"""WSGI middleware: adds the request to errors, reports what the application did not catch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from error_manager.client.api import current_client
from error_manager.client.request import describe_request
from error_manager.client.scope import Binding

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]
_EMPTY: Final[Iterator[bytes]] = iter(())


class WsgiRequest:
    """What is known of a request, read only when an error occurs."""

    __slots__ = ("_environ",)

    def __init__(self, environ: dict[str, Any]) -> None:
        self._environ = environ

    def describe_request(self) -> dict[str, object]:
        """Return address, method, query string, headers and transaction of the request."""
        environ = self._environ
        headers = [
            (name[5:].replace("_", "-").title(), value)
            for name, value in list(environ.items())
            if name[:5] == "HTTP_" and isinstance(value, str)
        ]
        if "CONTENT_TYPE" in environ:
            headers.append(("Content-Type", str(environ["CONTENT_TYPE"])))
        host = (
            environ.get("HTTP_HOST") or f"{environ.get('SERVER_NAME', '')}:{environ.get('SERVER_PORT', '')}"
        )
        return describe_request(
            scheme=str(environ.get("wsgi.url_scheme", "http")),
            host=str(host),
            path=f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}",
            query=str(environ.get("QUERY_STRING", "")),
            method=str(environ.get("REQUEST_METHOD", "")),
            headers=headers,
            route="",
        )


class WsgiMiddleware:
    """Wraps a WSGI application."""

    def __init__(self, app: WsgiApp) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ANN401  # PEP 3333
        """Answer one request."""
        request = WsgiRequest(environ)
        try:
            with Binding({"request": request}):
                parts = self._app(environ, start_response)
        except Exception as exc:
            _report(exc, self)
            raise
        return _Response(parts, request, self)


class _Response:
    """The parts of an answer; what the application raises while it makes them is reported too."""

    def __init__(self, parts: Iterable[bytes], request: WsgiRequest, owner: WsgiMiddleware) -> None:
        self._parts = parts
        self._request = request
        self._owner = owner
        self._iterator = _EMPTY
        self._is_started = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            with Binding({"request": self._request}):
                if not self._is_started:
                    self._is_started = True
                    self._iterator = iter(self._parts)
                return next(self._iterator)
        except StopIteration:
            raise
        except Exception as exc:
            _report(exc, self._owner)
            raise

    def close(self) -> None:
        """Close the answer of the application (PEP 3333 wants it called whatever happened)."""
        close = getattr(self._parts, "close", None)
        if close is None:
            return
        try:
            with Binding({"request": self._request}):
                close()
        except Exception as exc:
            _report(exc, self._owner)
            raise


def _report(exc: Exception, owner: WsgiMiddleware) -> None:
    client = current_client()
    if client is not None:
        client.capture_exception(exc, route=f"wsgi:{id(owner)}", mechanism="wsgi", is_handled=False)
