"""How the installation is: ledger, processes, queues, disk, database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromQuery

from error_manager.flows import monitoring
from error_manager.flows.services import QueryServices
from error_manager.integrations.web.frame import foot_line, known_projects, plain_frame
from error_manager.integrations.web.pages.person import person_name
from error_manager.integrations.web.template import html
from error_manager.monitoring.dashboard import DiskFacts, ProcessFacts, StatusView
from error_manager.security.auth import Caller


@get("/status")
async def show_status(
    request: Request[Caller, object, State], services: NamedDependency[QueryServices]
) -> Response[bytes]:
    """Show how the installation is; while the database is away, what can be said without it."""
    view = await monitoring.status_view(services)
    names = {int(project.id): project.name for project in await known_projects(services)}
    frame = await plain_frame(services, active="status", person=await person_name(request, services))
    return html("status.html", status_values(view, names), frame=frame)


@get("/partials/ledger")
async def show_ledger(
    services: NamedDependency[QueryServices], project: FromQuery[int | None] = None
) -> Response[bytes]:
    """Return the foot line anew."""
    scope = next((known for known in await known_projects(services) if known.id == project), None)
    return html("ledger.html", line=await foot_line(services, scope.id if scope else None), scope=scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessGroup:
    """Processes of one name (PostgreSQL has one per connection): the first id and start, memory of all."""

    name: str
    members: int
    pid: int
    memory_bytes: int
    started_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One file system with the folders that lie on it."""

    free_bytes: int
    total_bytes: int
    folders: tuple[DiskFacts, ...]


def process_groups(processes: Iterable[ProcessFacts]) -> tuple[ProcessGroup, ...]:
    """Return processes by name, in order of their first; ``postgres: walwriter`` is one of ``postgres``."""
    by_name: dict[str, list[ProcessFacts]] = {}
    for process in processes:
        by_name.setdefault(process.name.partition(":")[0], []).append(process)
    return tuple(
        ProcessGroup(
            name=name,
            members=len(members),
            pid=members[0].pid,
            memory_bytes=sum(member.memory_bytes for member in members),
            started_at=members[0].started_at,
        )
        for name, members in by_name.items()
    )


def volumes(disks: Iterable[DiskFacts]) -> tuple[Volume, ...]:
    """Return folders by file system: the same size, and within 1 % the same free space, is the same one."""
    groups: list[list[DiskFacts]] = []
    for disk in disks:
        group = next((group for group in groups if _shares_volume(group[0], disk)), None)
        if group is None:
            groups.append([disk])
        else:
            group.append(disk)
    return tuple(
        Volume(free_bytes=group[0].free_bytes, total_bytes=group[0].total_bytes, folders=tuple(group))
        for group in groups
    )


def status_values(view: StatusView, names: dict[int, str]) -> dict[str, object]:
    """Return what the template needs beside its frame: reasons with the names of projects, memory in all."""
    counts = view.ledger.reasons if view.ledger else ()
    return {
        "view": view,
        "reasons": [
            (count.outcome.value, count.reason or "-", _project_name(count.project_id, names), count.quantity)
            for count in sorted(counts, key=lambda count: -count.quantity)
        ],
        "processes": process_groups(view.host.processes),
        "volumes": volumes(view.host.disks),
        "memory_total": sum(process.memory_bytes for process in view.host.processes),
    }


def _shares_volume(one: DiskFacts, other: DiskFacts) -> bool:
    is_close = abs(one.free_bytes - other.free_bytes) * 100 <= one.total_bytes
    return one.total_bytes == other.total_bytes and is_close


def _project_name(project_id: int, names: dict[int, str]) -> str:
    return names.get(project_id, f"unknown project {project_id}" if project_id else "no project")
