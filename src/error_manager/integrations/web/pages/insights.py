"""The page of insights: what was found, in plain sentences, the most important first."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency

from error_manager.analysis.graph_layout import NODE_HEIGHT, NODE_WIDTH
from error_manager.core.types import ProjectId
from error_manager.flows import insights
from error_manager.flows.services import QueryServices
from error_manager.integrations.web.frame import known_projects, plain_frame
from error_manager.integrations.web.pages.person import person_name
from error_manager.integrations.web.target import target_url
from error_manager.integrations.web.template import html
from error_manager.security.auth import Caller

SPANS: Final = {"24h": timedelta(days=1), "7d": timedelta(days=7), "14d": timedelta(days=14)}
"""The time ranges of the page."""
_DEFAULT: Final = "7d"
_SHOWN: Final = 20


@get("/insights")
async def show_insights(
    request: Request[Caller, object, State], services: NamedDependency[QueryServices]
) -> Response[bytes]:
    """Show what was found in the last days, in one project or all."""
    asked = request.query_params.get("range", "")
    chosen = asked if asked in SPANS else _DEFAULT
    projects = await known_projects(services)
    wanted = request.query_params.get("project", "")
    project = next((one for one in projects if str(one.id) == wanted), None)
    now = services.clock()
    view = await insights.insights_view(
        services,
        project_ids=(ProjectId(project.id),) if project else (),
        since=now - SPANS[chosen],
        until=now,
        limit=_SHOWN,
    )
    frame = await plain_frame(
        services, active="insights", person=await person_name(request, services), project=project
    )
    return html(
        "insights.html",
        frame=frame,
        view=view,
        now=now,
        ranges=[(name, name == chosen) for name in SPANS],
        chosen=chosen,
        project=project,
        whose=_whose(view),
        target_url=target_url,
        pattern_name=insights.pattern_name,
        node_width=NODE_WIDTH,
        node_height=NODE_HEIGHT,
    )


def _whose(view: insights.InsightsView) -> str:
    """Return the name of the project whose past is taken in, "" when there is only one."""
    names = {project.id: project.name for project in view.projects}
    return names.get(view.progress.project_id, "") if view.progress and len(names) > 1 else ""
