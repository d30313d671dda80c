"""Connecting an application: its address, a snippet per language, a part that listens for the first error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath
from litestar.response import Redirect

from error_manager.core.errors import NotFoundError
from error_manager.core.types import OutcomeKind, ProjectId
from error_manager.flows import monitoring, weights
from error_manager.flows.services import QueryServices
from error_manager.integrations.web.frame import plain_frame
from error_manager.integrations.web.pages.pattern import read_weight, split_notes
from error_manager.integrations.web.pages.person import person_name
from error_manager.integrations.web.snippet import snippets
from error_manager.integrations.web.template import html
from error_manager.integrations.web.view import importance_word
from error_manager.monitoring.dashboard import ConnectView
from error_manager.security.auth import Caller
from error_manager.storage.base import ErrorDetail, OutcomeCount

_SHOWN_REFUSALS: Final = 5
_REMEDIES: Final = {
    "key": (
        "with an unknown or inactive key",
        "Copy the DSN from this page; the key is its part before the @.",
    ),
    "quota": (
        "over the quota",
        "Errors beyond the quota of the project or key are refused until it refills.",
    ),
    "too_large": ("too large", "Send smaller errors: fewer attachments, shorter texts."),
    "malformed": ("unreadable", "The body is no valid envelope or JSON, or it was cut on its way."),
    "fields": (
        "with wrong fields",
        "The answer to the request names every wrong field and what was expected.",
    ),
    "encoding": ("in an unknown encoding", "Use gzip, deflate, br, zstd or none."),
    "slow_body": (
        "too slow to arrive",
        "The body must arrive within the deadline; look at the network between.",
    ),
    "inbox_full": ("while the disk was full", "Free some disk space; accepting goes on by itself."),
}
_KIND_WORDS: Final = {
    OutcomeKind.RATE_LIMITED: "over a limit",
    OutcomeKind.INVALID: "invalid",
    OutcomeKind.FILTERED: "filtered",
    OutcomeKind.DEAD_LETTER: "could not be processed",
}
_NOT_AN_ERROR: Final = "not_an_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalLine:
    """One reason for refusals: how often, what it was, how to mend it."""

    quantity: int
    what: str
    remedy: str


@get("/projects/{project_id:int}/connect")
async def show_connect(
    request: Request[Caller, object, State],
    services: NamedDependency[QueryServices],
    project_id: FromPath[int],
) -> Response[bytes]:
    """Show how to connect an application to a project."""
    view = await monitoring.connect_view(services, ProjectId(project_id))
    frame = await plain_frame(
        services,
        active="connect",
        person=await person_name(request, services),
        project=view.project,
    )
    return html(
        "connect.html",
        arrival_values(view, await _newest(services, view)),
        frame=frame,
        snippets=snippets(url=view.url, key=view.key.key, dsn=view.dsn) if view.key else (),
        said=f"Importance is {importance_word(view.project.weight)} now; the risks of its patterns follow."
        if request.query_params.get("done") == "weight"
        else "",
        now=services.clock(),
    )


@post("/projects/{project_id:int}/weight", status_code=200)
async def set_project_weight(
    services: NamedDependency[QueryServices],
    project_id: FromPath[int],
    data: Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Redirect:
    """Set how much a project matters, and lead back."""
    project = await monitoring.find_project(services, ProjectId(project_id))
    await weights.set_project_weight(services, project.id, read_weight(data))
    return Redirect(f"/projects/{project.id}/connect?done=weight", status_code=303)


@get("/projects/{project_id:int}/arrival")
async def show_arrival(
    services: NamedDependency[QueryServices], project_id: FromPath[int]
) -> Response[bytes]:
    """Return the part of the page that listens; it fetches itself again when something was stored."""
    view = await monitoring.connect_view(services, ProjectId(project_id))
    values = arrival_values(view, await _newest(services, view))
    return html("arrival.html", values, now=services.clock())


def arrival_values(view: ConnectView, newest: ErrorDetail | None) -> dict[str, object]:
    """Return what the listening part needs."""
    event = newest.event if newest else None
    raised = event.raised if event else None
    return {
        "view": view,
        "headline": (raised.type if raised and raised.type else view.first_error.message)
        if view.first_error
        else "",
        "host": (event.server_name or event.service) if event else "",
        "masked": len(split_notes(event.notes)[0]) if event else 0,
        "created_at": newest.created_at if newest else None,
        "refusals": refusal_lines(view.refusals),
    }


def refusal_lines(counts: tuple[OutcomeCount, ...]) -> tuple[RefusalLine, ...]:
    """Return the most frequent reasons for refusals in words; what is no error (sessions, traces) is none."""
    listed = [count for count in counts if count.reason != _NOT_AN_ERROR][:_SHOWN_REFUSALS]
    return tuple(_refusal_line(count) for count in listed)


def _refusal_line(count: OutcomeCount) -> RefusalLine:
    what, remedy = _REMEDIES.get(
        count.reason, (f"{_KIND_WORDS.get(count.outcome, count.outcome.value)}: {count.reason}", "")
    )
    if count.outcome is OutcomeKind.DEAD_LETTER:
        remedy = "It is kept. See why with: error-manager deadletters list"
    return RefusalLine(quantity=count.quantity, what=what.replace("_", " "), remedy=remedy)


async def _newest(services: QueryServices, view: ConnectView) -> ErrorDetail | None:
    if view.first_error is None:
        return None
    try:
        return await monitoring.error(services, view.first_error.id)
    except NotFoundError:  # retention removed it since the line above
        return None
