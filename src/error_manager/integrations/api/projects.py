"""Projects over REST: list, create, weigh (seed box: REST API)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Request, Router, get, post, put

from error_manager.flows import access, weights
from error_manager.flows.services import QueryServices
from error_manager.integrations.api.body import WeightBody, read_json
from error_manager.integrations.api.parameters import ProjectNumber, Services, project_ids
from error_manager.monitoring.dashboard import dsn
from error_manager.storage.base import IngestKey, Project


class NewProject(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A project to make: a name, and an id and key when they are to be certain ones."""

    name: str
    id: int | None = None
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectKey:
    """An ingest key: public, can only send."""

    key: str
    label: str
    is_active: bool
    dsn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectBody:
    """A project with its keys."""

    id: int
    name: str
    slug: str
    platform: str
    weight: float
    keys: tuple[ProjectKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectList:
    """All projects; the list is never cut."""

    items: tuple[ProjectBody, ...]
    next: None = None


@get("/", summary="List projects")
async def list_projects(services: Services) -> ProjectList:
    """Return all projects with their DSNs."""
    keys = await services.access.ingest_keys()
    return ProjectList(
        items=tuple(
            _body(services, project, tuple(key for key in keys if key.project_id == project.id))
            for project in await services.access.projects()
        )
    )


@post("/", summary="Create a project")
async def create_project(services: Services, request: Request[Any, Any, Any]) -> ProjectBody:
    """Make a project. Body: `{"name": "Shop", "id": 42, "key": "32 hex digits"}`; only the name is needed."""
    wanted = await read_json(request, NewProject)
    project, key = await access.create_project(
        services.admission, wanted.name, project_id=wanted.id, key=wanted.key
    )
    return _body(services, project, (key,))


@put("/{project:int}/weight", summary="Set the business weight of a project")
async def set_weight(
    services: Services, request: Request[Any, Any, Any], project: ProjectNumber
) -> ProjectBody:
    """Say how much a project matters; the risks of all its patterns follow at once.

    Body: `{"weight": 2}`, 0.25 to 4, usual 1. The weight of a pattern is multiplied by it.
    """
    wanted = await read_json(request, WeightBody)
    stored = await weights.set_project_weight(services, project_ids([project])[0], wanted.weight)
    return _body(services, stored, await services.access.ingest_keys(stored.id))


def _body(services: QueryServices, project: Project, keys: tuple[IngestKey, ...]) -> ProjectBody:
    return ProjectBody(
        id=project.id,
        name=project.name,
        slug=project.slug,
        platform=project.platform,
        weight=project.weight,
        keys=tuple(
            ProjectKey(
                key=key.key,
                label=key.label,
                is_active=key.is_active,
                dsn=dsn(services.url, key.key, project.id),
            )
            for key in keys
        ),
    )


router = Router(
    path="/projects", route_handlers=[list_projects, create_project, set_weight], tags=["Projects"]
)
