"""The stream of server-sent events that keeps pages current (seed box: Event Stream)."""

from __future__ import annotations

from litestar import get
from litestar.response import Stream

from error_manager.integrations.api import parameters
from error_manager.integrations.api.parameters import Projects, Services


@get(["/live", "/live/events"], include_in_schema=False)
async def stream_events(services: Services, project: Projects = None) -> Stream:
    """Send what is stored, as it is stored; docs/reference/api.md lists the messages."""
    return Stream(
        services.live.events(parameters.project_ids(project)),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
