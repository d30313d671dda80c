"""What a caller sees when something fails: problem+json or, for people, a page (seed box: REST API)."""

from __future__ import annotations

from typing import Any, Final

import structlog
from litestar import Request, Response
from litestar.response import Redirect

from error_manager.core.errors import ErrorManagerError
from error_manager.integrations.api.problem import MEDIA_TYPE, problem
from error_manager.integrations.web.template import html

_INTERNAL: Final = 500
_UNAUTHENTICATED: Final = 401
_AWAY: Final = 503
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
        frame=None,
        status_code=status,
        status=status,
        title=body["title"],
        explanation=body["detail"],
        lost="Nothing was lost." if status == _AWAY else "",
        again=request.scope["path"] if status == _AWAY and request.scope.get("method") == "GET" else "",
    )
    response.headers.update(headers)
    return response


def _is_program(request: Request[Any, Any, Any]) -> bool:
    """Return whether to answer with JSON: an API path, a key, or a client that does not take HTML."""
    path: str = request.scope["path"]
    return (
        path.startswith(("/api", "/metrics", "/healthz", "/live"))
        or "authorization" in request.headers
        or "text/html" not in request.headers.get("accept", "text/html")
    )
