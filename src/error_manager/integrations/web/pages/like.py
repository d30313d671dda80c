"""Patterns like a pasted trace, a message or words."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body

from error_manager.decoding.json_text import clean_text
from error_manager.flows import findings
from error_manager.flows.indexing import MAX_TEXT_CHARS
from error_manager.flows.services import QueryServices
from error_manager.integrations.web.frame import plain_frame
from error_manager.integrations.web.pages.person import person_name
from error_manager.integrations.web.template import html
from error_manager.monitoring.answers import Similar
from error_manager.security.auth import Caller

_SHOWN: Final = 20


@get("/patterns/like")
async def ask_like(
    request: Request[Caller, object, State], services: NamedDependency[QueryServices]
) -> Response[bytes]:
    """Ask for a trace, a message or words."""
    return await _page(request, services, "", None, is_degraded=False)


@post("/patterns/like", status_code=200)
async def find_like(
    request: Request[Caller, object, State],
    services: NamedDependency[QueryServices],
    data: Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Response[bytes]:
    """Show the patterns that are like the text."""
    text = clean_text(data.get("text", ""))[:MAX_TEXT_CHARS]
    if not text.strip():
        return await _page(request, services, "", None, is_degraded=False)
    found, is_degraded = await findings.patterns_like(services, text, limit=_SHOWN)
    return await _page(request, services, text, found, is_degraded=is_degraded)


async def _page(
    request: Request[Caller, object, State],
    services: QueryServices,
    text: str,
    found: tuple[Similar, ...] | None,
    *,
    is_degraded: bool,
) -> Response[bytes]:
    frame = await plain_frame(services, active="patterns", person=await person_name(request, services))
    return html(
        "like.html", frame=frame, text=text, found=found, is_degraded=is_degraded, now=services.clock()
    )
