"""The ingest endpoints as a plain ASGI application, without a framework in the hot path (seed box: REST API).

Paths that are not ours go to the application behind (pages, API). A path prefix is allowed everywhere, as
DSNs may have one.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from error_manager.core.errors import MalformedPayloadError, RateLimitedError, RequestError
from error_manager.core.quick import maker
from error_manager.flows.accepting import (
    Submission,
    accept_envelope,
    accept_errors,
    accept_report,
    accept_store,
)
from error_manager.flows.services import AcceptServices
from error_manager.integrations.ingest import answer
from error_manager.integrations.ingest.answer import Answer
from error_manager.security.ingest_key import read_credentials

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[..., Awaitable[None]]  # frameworks name the types of these three differently

_submission_of: Final = maker(Submission)
_SENTRY: Final = re.compile(r"(?:^|/)api/(?:([^/]+)/)?(envelope|store|security|csp-report)/?$")
_ERRORS: Final = re.compile(r"(?:^|/)api/v1/errors/?$")
_UNKNOWN: Final = re.compile(r"(?:^|/)api/\d+/")
_TUNNEL: Final = re.compile(r"(?:^|/)tunnel/?$")
_HEALTH: Final = re.compile(r"(?:^|/)healthz/(live|ready)/?$")
_BUSY_RETRY_S: Final = 2
_HEARD_BYTES: Final = 4 * 1024 * 1024
_HEARD_S: Final = 1.0
_LINES: Final = (b"application/x-ndjson", b"application/jsonl", b"application/x-jsonlines")
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Names of parts: ``broken`` ones make the process unready, ``degraded`` ones do not."""

    broken: tuple[str, ...] = ()
    degraded: tuple[str, ...] = ()


class IngestApp:
    """Routes, answers, and a cap on requests that are open at once."""

    def __init__(
        self, svc: AcceptServices, *, health: Callable[[], Health], behind: Application, max_open: int
    ) -> None:
        """Keep the services, where health comes from, what serves all other paths, and the cap."""
        self._svc = svc
        self._health = health
        self._behind = behind
        self._max_open = max_open
        self._open = 0

    @property
    def open_requests(self) -> int:
        """Return how many ingest requests are being answered."""
        return self._open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        handler = self._route(scope["path"], scope["method"])
        if handler is None:
            await self._behind(scope, receive, send)
            return
        self._open += 1
        try:
            await _send(send, await handler(self, scope, receive))
        finally:
            self._open -= 1

    def _route(self, path: str, method: str) -> Handler | None:
        if match := _SENTRY.search(path):
            if method == "POST":
                return _HANDLERS[match[2]]
            return _preflight if method == "OPTIONS" else _wrong_method
        if _ERRORS.search(path) and method in {"POST", "OPTIONS"}:
            return _errors if method == "POST" else _preflight
        if _TUNNEL.search(path) and method in {"POST", "OPTIONS"}:
            return _envelope if method == "POST" else _preflight
        if match := _HEALTH.search(path):
            return _live if match[1] == "live" else _ready
        return _not_found if _UNKNOWN.search(path) else None

    @property
    def services(self) -> AcceptServices:
        """Return the services."""
        return self._svc

    @property
    def health(self) -> Health:
        """Return what is broken and what is degraded now."""
        return self._health()

    def check_room(self) -> None:
        """Refuse when too many requests are open.

        Raises:
            RateLimitedError: they are.
        """
        if self._open > self._max_open:
            raise RateLimitedError(_BUSY_RETRY_S, scope="organization", reason="busy")


Handler = Callable[[IngestApp, Scope, Receive], Awaitable[Answer]]


async def _envelope(app: IngestApp, scope: Scope, receive: Receive) -> Answer:
    async def accept(request: Submission) -> Answer:
        return answer.accepted(await accept_envelope(app.services, request))

    return await _guarded(app, accept, _submission(scope, receive), answer.refused)


async def _store(app: IngestApp, scope: Scope, receive: Receive) -> Answer:
    async def accept(request: Submission) -> Answer:
        return answer.accepted(await accept_store(app.services, request))

    return await _guarded(app, accept, _submission(scope, receive), answer.refused)


async def _report(app: IngestApp, scope: Scope, receive: Receive) -> Answer:
    async def accept(request: Submission) -> Answer:
        await accept_report(app.services, request)
        return answer.plain(200, {})

    return await _guarded(app, accept, _submission(scope, receive), answer.refused)


async def _errors(app: IngestApp, scope: Scope, receive: Receive) -> Answer:
    async def accept(request: Submission) -> Answer:
        return answer.results(await accept_errors(app.services, request))

    return await _guarded(app, accept, _submission(scope, receive), answer.refused_errors)


async def _preflight(_app: IngestApp, _scope: Scope, _receive: Receive) -> Answer:
    return answer.preflight()


async def _wrong_method(_app: IngestApp, _scope: Scope, _receive: Receive) -> Answer:
    return answer.problem(405, "method", "Send this with POST.", (b"allow", b"POST, OPTIONS"))


async def _not_found(_app: IngestApp, scope: Scope, _receive: Receive) -> Answer:
    return answer.problem(404, "not_found", f"There is no endpoint {scope['path'][:200]}.")


async def _live(_app: IngestApp, _scope: Scope, _receive: Receive) -> Answer:
    return answer.plain(200, {"status": "ok"})


async def _ready(app: IngestApp, _scope: Scope, _receive: Receive) -> Answer:
    health = app.health
    body: dict[str, object] = {"status": "unavailable" if health.broken else "ok"}
    if health.broken:
        body["broken"] = health.broken
    if health.degraded:
        body["degraded"] = health.degraded
    return answer.plain(503 if health.broken else 200, body)


_HANDLERS: Final[dict[str, Handler]] = {
    "envelope": _envelope,
    "store": _store,
    "security": _report,
    "csp-report": _report,
}


async def _guarded(
    app: IngestApp,
    accept: Callable[[Submission], Awaitable[Answer]],
    request: Submission,
    refuse: Callable[[RequestError], Answer],
) -> Answer:
    """Return the answer of a flow; a refusal and an unforeseen failure are answers, too."""
    try:
        app.check_room()
        return await accept(request)
    except RequestError as error:
        await _hear_out(request)
        return refuse(error)
    except Exception:  # noqa: BLE001  # entry point: one request must not take the others down
        _log.exception("request_failed")
        return answer.problem(500, "internal", "This request failed; the reason is in the server's log.")


async def _hear_out(request: Submission) -> None:
    """Read on for a moment before a refusal is sent.

    A connection that is closed with bytes unread is reset, and the client that was still sending never sees
    why: one of 2,000 refusals of large bodies was lost so on a busy machine (tests/e2e/test_nasty.py).
    """
    left = _HEARD_BYTES
    with contextlib.suppress(TimeoutError, RequestError):
        async with asyncio.timeout(_HEARD_S):
            while left > 0 and (piece := await request.read()):
                left -= len(piece)


def _submission(scope: Scope, receive: Receive) -> Submission:
    """Return the request as the flows take it."""
    sentry_auth = authorization = encoding = content_type = b""
    for name, value in scope["headers"]:
        match name:
            case b"x-sentry-auth":
                sentry_auth = value
            case b"authorization":
                authorization = value
            case b"content-encoding":
                encoding = value
            case b"content-type":
                content_type = value
    credentials = read_credentials(
        sentry_auth=sentry_auth.decode("latin-1"),
        authorization=authorization.decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
    )
    match = _SENTRY.search(scope["path"])
    client = scope.get("client")
    return _submission_of(
        read=_reader(receive),
        key=credentials.key,
        project=(match[1] or "") if match else "",
        encoding=encoding.decode("latin-1"),
        sdk=credentials.sdk,
        client_ip=client[0] if client else "",
        is_lines=content_type.strip().lower().startswith(_LINES),
    )


def _reader(receive: Receive) -> Callable[[], Awaitable[bytes]]:
    """Return a function that yields the pieces of the body, b"" at its end."""
    is_complete = False

    async def read() -> bytes:
        nonlocal is_complete
        while not is_complete:
            message = await receive()
            if message["type"] != "http.request":
                is_complete = True
                raise MalformedPayloadError("The client went away before its body was complete.")
            is_complete = not message.get("more_body", False)
            piece: bytes = message.get("body", b"")
            if piece:
                return piece
        return b""

    return read


async def _send(send: Send, reply: Answer) -> None:
    headers = [*reply.headers]
    if reply.status != 204:
        headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})


async def nothing_behind(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer everything with 404; stands behind when there are no pages."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "http":
        await _send(send, answer.problem(404, "not_found", f"There is nothing at {scope['path'][:200]}."))
