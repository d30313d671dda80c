"""The list of patterns, and the start page that leads there or to the first error."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.response import Redirect

from error_manager.core.types import PatternStatus, ProjectId, Severity
from error_manager.flows import insights, monitoring
from error_manager.flows.services import QueryServices
from error_manager.integrations.web.frame import known_projects, list_frame
from error_manager.integrations.web.pages.person import person_name
from error_manager.integrations.web.query import PatternQuery, parse_query
from error_manager.integrations.web.target import target_url
from error_manager.integrations.web.template import html
from error_manager.monitoring.dashboard import PatternsView
from error_manager.monitoring.insights import Insight
from error_manager.security.auth import Caller
from error_manager.storage.base import ErrorFilter, PatternOrder

_STATUSES: tuple[tuple[str, PatternStatus | None], ...] = (
    ("Unresolved", PatternStatus.UNRESOLVED),
    ("Resolved", PatternStatus.RESOLVED),
    ("Ignored", PatternStatus.IGNORED),
    ("All", None),
)
_TOLD: Final = 3
_TOLD_SPAN: Final = timedelta(days=1)
_OFFERED = (Severity.FATAL, Severity.CRITICAL, Severity.ERROR, Severity.WARNING, Severity.INFO)


@get("/")
async def start(
    request: Request[Caller, object, State], services: NamedDependency[QueryServices]
) -> Redirect:
    """Lead to the patterns, or to connecting an application while no error has arrived."""
    if request.url.query or await _has_errors(services):
        query = f"?{request.url.query}" if request.url.query else ""
        return Redirect(f"/patterns{query}")
    projects = await known_projects(services)
    return Redirect(f"/projects/{projects[0].id if projects else 1}/connect")


@get("/patterns")
async def list_patterns(
    request: Request[Caller, object, State], services: NamedDependency[QueryServices]
) -> Response[bytes]:
    """Show the list of patterns that the address asks for."""
    now = services.clock()
    query = parse_query(request.query_params.multi_items())
    view = await monitoring.patterns_view(
        services, query.where(now), search=query.q, order=query.order, cursor=query.cursor or None
    )
    told = await _told(services, query, now)
    frame = await list_frame(services, view, query, person=await person_name(request, services))
    return html(
        "patterns.html",
        list_values(view, query, now),
        frame=frame,
        told=told,
        target_url=target_url,
        has_errors=bool(view.page.items) or await _has_errors(services),
        connect_url=next(url for name, _, _, url in frame.rail if name == "connect"),
    )


async def _told(services: QueryServices, query: PatternQuery, now: datetime) -> tuple[Insight, ...]:
    """Return what stands out of the last day, above the whole list only."""
    if query.is_filtered or query.cursor:
        return ()
    projects = (ProjectId(query.project),) if query.project else ()
    return await insights.window_insights(
        services, project_ids=projects, since=now - _TOLD_SPAN, until=now, limit=_TOLD
    )


def list_values(view: PatternsView, query: PatternQuery, now: datetime) -> dict[str, object]:
    """Return what the list's template needs beside its frame: rows, and the addresses of every choice."""
    return {
        "view": view,
        "now": now,
        "names": {p.id: p.name for p in view.projects}
        if len(view.projects) > 1 and query.project is None
        else {},
        "statuses": [(word, query.url(status=status), query.status is status) for word, status in _STATUSES],
        "severities": [
            (level, query.url(severities=_toggled(query, level)), level in query.severities)
            for level in _OFFERED
        ],
        "sorts": {order.value: (query.url(order=order), query.order is order) for order in PatternOrder},
        "trend_word": query.range_words.capitalize(),
        "next_url": query.url(cursor=view.page.next) if view.page.next else None,
        "first_url": query.url(),
        "is_further": bool(query.cursor),
        "is_filtered": query.is_filtered,
        "reset_url": PatternQuery(project=query.project, status=query.status).url()
        if query.is_filtered
        else None,
    }


def _toggled(query: PatternQuery, level: Severity) -> tuple[Severity, ...]:
    if level in query.severities:
        return tuple(kept for kept in query.severities if kept is not level)
    return (*query.severities, level)


async def _has_errors(services: QueryServices) -> bool:
    page = await monitoring.list_errors(services, ErrorFilter(), limit=1)
    return bool(page.items)
