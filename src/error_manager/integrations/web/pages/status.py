"""How the installation is: ledger, processes, queues, disk, database."""

from __future__ import annotations

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency

from error_manager.core.errors import StorageError
from error_manager.flows import monitoring
from error_manager.flows.services import QueryServices
from error_manager.integrations.web.frame import foot_line, plain_frame
from error_manager.integrations.web.pages.person import person_name
from error_manager.integrations.web.template import html
from error_manager.monitoring.dashboard import StatusView
from error_manager.security.auth import Caller


@get("/status")
async def show_status(request: Request[Caller, object, State], services: NamedDependency[QueryServices]) -> Response[bytes]:
    """Show how the installation is; while the database is away, what can be said without it."""
    view = await monitoring.status_view(services)
    try:
        names = {int(project.id): project.name for project in await services.access.projects()}
    except StorageError:
        names = {}
    frame = await plain_frame(services, active="status", person=await person_name(request, services))
    return html("status.html", status_values(view, names), frame=frame)


@get("/partials/ledger")
async def show_ledger(services: NamedDependency[QueryServices]) -> Response[bytes]:
    """Return the foot line anew."""
    return html("ledger.html", line=await foot_line(services))


def status_values(view: StatusView, names: dict[int, str]) -> dict[str, object]:
    """Return what the template needs beside its frame: reasons with the names of projects, memory in all."""
    counts = view.ledger.reasons if view.ledger else ()
    return {
        "view": view,
        "reasons": [
            (count.outcome.value, count.reason or "-", _project_name(count.project_id, names), count.quantity)
            for count in sorted(counts, key=lambda count: -count.quantity)
        ],
        "memory_total": sum(process.memory_bytes for process in view.host.processes),
    }


def _project_name(project_id: int, names: dict[int, str]) -> str:
    return names.get(project_id, f"unknown project {project_id}" if project_id else "no project")
