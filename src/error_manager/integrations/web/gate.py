"""Lets callers in: people by session cookie, programs by Bearer key (seed box: Authentication).

Every route is closed unless it says ``opt={"is_public": True}``.
"""

from __future__ import annotations

from typing import Any

import structlog
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from error_manager.core.errors import AuthenticationError
from error_manager.flows import access
from error_manager.flows.services import QueryServices
from error_manager.security.auth import Caller, bearer, check_same_origin
from error_manager.security.sessions import cookie_name

Connection = ASGIConnection[Any, Any, Any, Any]
_log = structlog.get_logger()


async def require_caller(connection: Connection, handler: BaseRouteHandler) -> None:
    """Set ``connection.user`` to who asks.

    Raises:
        AuthenticationError: no valid key or session.
        AuthorizationError: a browser was made to send this by a foreign page.
    """
    if handler.opt.get("is_public"):
        return
    services: QueryServices = connection.app.state.services
    caller = await find_caller(connection, services)
    if caller.is_browser:
        check_origin(connection)
    connection.scope["user"] = caller
    method, path = connection.scope.get("method", ""), connection.scope["path"]
    _log.info("request", method=method, path=path, person_id=caller.person_id, key_id=caller.key_id)


async def find_caller(connection: Connection, services: QueryServices) -> Caller:
    """Return who asks.

    Raises:
        AuthenticationError: no valid key or session.
    """
    now = services.clock()
    if key := bearer(connection.headers.get("authorization", "")):
        return await access.caller_of_key(services.access, key, now=now)
    session_id = connection.cookies.get(cookie_name(is_tls=services.is_tls), "")
    if not session_id:
        raise AuthenticationError
    return await access.caller_of_session(services.access, session_id, now=now)


def check_origin(connection: Connection) -> None:
    """Refuse changes that a foreign page asks for.

    Raises:
        AuthorizationError: the request comes from elsewhere.
    """
    headers = connection.headers
    check_same_origin(
        method=str(connection.scope.get("method", "")),
        fetch_site=headers.get("sec-fetch-site", ""),
        origin=headers.get("origin", ""),
        host=headers.get("host", ""),
    )
