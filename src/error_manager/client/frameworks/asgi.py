"""ASGI middleware: adds the request to errors, reports what the application did not catch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from error_manager.client.api import current_client
from error_manager.client.request import describe_request
from error_manager.client.scope import Binding

AsgiScope = MutableMapping[str, Any]
AsgiApp = Callable[[AsgiScope, Any, Any], Awaitable[None]]


class AsgiRequest:
    """What is known of a request, read only when an error occurs."""

    __slots__ = ("_scope",)

    def __init__(self, scope: AsgiScope) -> None:
        self._scope = scope

    def describe_request(self) -> dict[str, object]:
        """Return address, method, query string, headers and transaction of the request."""
        scope = self._scope
        headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope.get("headers", ())
        ]
        named = next((value for name, value in headers if name.lower() == "host"), "")
        server = scope.get("server") or ("", "")
        # Starlette and FastAPI put the matched route here: its template names the transaction.
        route = getattr(scope.get("route"), "path", "")
        return describe_request(
            scheme=str(scope.get("scheme", "http")),
            host=named or f"{server[0]}:{server[1]}",
            path=str(scope.get("path", "")),
            query=bytes(scope.get("query_string", b"")).decode("latin-1"),
            method=str(scope.get("method", "")),
            headers=headers,
            route=route if isinstance(route, str) else "",
        )


class AsgiMiddleware:
    """Wraps an ASGI application."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: AsgiScope, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI 3
        """Serve one connection."""
        added = {"request": AsgiRequest(scope)} if scope.get("type") in {"http", "websocket"} else {}
        try:
            with Binding(added):
                await self._app(scope, receive, send)
        except Exception as exc:
            client = current_client()
            if client is not None:
                client.capture_exception(exc, route=f"asgi:{id(self)}", mechanism="asgi", is_handled=False)
            raise
