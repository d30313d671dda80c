"""What a caller sees when something fails: problem+json or, for people, a page (seed box: REST API)."""

from __future__ import annotations

from typing import Any, Final

import structlog
from litestar import Request, Response
from litestar.response import Redirect

from error_manager.core.errors import ErrorManagerError
from error_manager.integrations.api.problem import MEDIA_TYPE, problem
from error_manager.integrations.web.frame import PageFrame, bare_frame
from error_manager.integrations.web.template import html
from error_manager.security.sessions import cookie_name

_INTERNAL: Final = 500
_UNAUTHENTICATED: Final = 401
_NOT_FOUND: Final = 404
_AWAY: Final = 503
_NOTHING_HERE: Final = (
    "There is no page at this address. What it showed may be gone, for errors are removed after their "
    "retention; or the address was cut on its way."
)
_log = structlog.get_logger()


def answer_failure(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Return the answer that tells of an exception."""
    status, body, headers = problem(error)
    if status >= _INTERNAL:
        is_ours = isinstance(error, ErrorManagerError)
        _log.error("request_failed", path=request.scope["path"], detail=str(error), exc_info=not is_ours)
    if _is_program(request):
        return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)
    if status == _UNAUTHENTICATED and request.scope.get("method") == "GET":
        return Redirect("/login", status_code=303)
    response = html(
        "failure.html",
        frame=_frame(request),
        status_code=status,
        status=status,
        title=body["title"],
        explanation=_NOTHING_HERE if status == _NOT_FOUND else body["detail"],
        lost="Nothing was lost." if status == _AWAY else "",
        again=request.scope["path"] if status == _AWAY and request.scope.get("method") == "GET" else "",
    )
    response.headers.update(headers)
    return response


def _frame(request: Request[Any, Any, Any]) -> PageFrame | None:
    """Return the usual frame for somebody who is signed in.

    At an address that is no route nobody has looked the session up, and this may not wait for the database:
    the cookie alone decides about a frame that shows nothing but links.
    """
    name = cookie_name(is_tls=request.app.state.services.is_tls)
    return bare_frame() if name in request.cookies else None


def _is_program(request: Request[Any, Any, Any]) -> bool:
    """Return whether to answer with JSON: an API path, a key, or a client that does not take HTML."""
    path: str = request.scope["path"]
    return (
        path.startswith(("/api", "/metrics", "/healthz", "/live"))
        or "authorization" in request.headers
        or "text/html" not in request.headers.get("accept", "text/html")
    )
