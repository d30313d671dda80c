"""The styles, scripts and icons of the pages."""

from __future__ import annotations

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.params import FromPath

from error_manager.core.errors import NotFoundError
from error_manager.integrations.web.asset import assets
from error_manager.security.auth import Caller

_FOR_EVER = "public, max-age=31536000, immutable"


@get("/static/{name:path}", opt={"is_public": True})
async def send_file(request: Request[Caller, object, State], name: FromPath[str]) -> Response[bytes]:
    """Return one file, compressed when the browser takes that; its address changes with its content."""
    asset = assets().get(name.lstrip("/"))
    if asset is None:
        raise NotFoundError
    headers = {
        "Cache-Control": _FOR_EVER if request.query_params.get("v") == asset.tag else "no-cache",
        "ETag": f'"{asset.tag}"',
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(b"", status_code=304, headers=headers, media_type=asset.content_type)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(asset.compressed, headers=headers, media_type=asset.content_type)
    return Response(asset.body, headers=headers, media_type=asset.content_type)
