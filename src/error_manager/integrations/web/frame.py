"""What stands around each page: rail, top bar, foot line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from error_manager.core.errors import StorageError
from error_manager.core.types import ProjectId
from error_manager.flows import monitoring
from error_manager.flows.services import QueryServices
from error_manager.integrations.web.query import RANGES, PatternQuery
from error_manager.monitoring.dashboard import PatternsView, StatusLine
from error_manager.storage.base import Project

_RANGE_WORDS: Final = tuple((value, word) for value, word, _ in RANGES)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFrame:
    """The frame of one page. Empty choices are not drawn; ``line`` is None while the database is away.

    ``is_bare`` frames know nothing of the installation; their foot line is fetched by the browser.

    ``scope`` is the project that foot line and live events are limited to; None = the whole installation.
    """

    active: str
    rail: tuple[tuple[str, str, str, str], ...]
    person: str = ""
    line: StatusLine | None = None
    projects: tuple[Project, ...] = ()
    project: Project | None = None
    scope: Project | None = None
    environments: tuple[str, ...] = ()
    releases: tuple[str, ...] = ()
    ranges: tuple[tuple[str, str], ...] = ()
    environment: str = ""
    release: str = ""
    range: str = ""
    range_word: str = ""
    first_day: str = ""
    last_day: str = ""
    search: str = ""
    kept: tuple[tuple[str, str], ...] = ()
    filter_action: str = "/patterns"
    is_bare: bool = False


async def plain_frame(
    svc: QueryServices, *, active: str, person: str, project: Project | None = None
) -> PageFrame:
    """Return the frame of a page without filters; its search leads to the patterns of the project."""
    projects = await known_projects(svc)
    home = project.id if project else projects[0].id if projects else ProjectId(1)
    scope = project if len(projects) > 1 else None
    return PageFrame(
        active=active,
        rail=rail(home),
        person=person,
        line=await foot_line(svc, scope.id if scope else None),
        project=project,
        scope=scope,
        kept=(("project", str(project.id)),) if project else (),
    )


def bare_frame() -> PageFrame:
    """Return the frame of a page that may ask nobody."""
    return PageFrame(active="", rail=rail(ProjectId(1)), is_bare=True)


async def list_frame(
    svc: QueryServices, view: PatternsView, query: PatternQuery, *, person: str
) -> PageFrame:
    """Return the frame of the list of patterns with everything its address says."""
    project = next((p for p in view.projects if p.id == query.project), None)
    home = project.id if project else view.projects[0].id if view.projects else ProjectId(1)
    in_form = {"q", "project", "environment", "release", "range", "from", "to", "cursor"}
    return PageFrame(
        active="patterns",
        rail=rail(home),
        person=person,
        line=await foot_line(svc, project.id if project else None),
        projects=view.projects,
        scope=project,
        project=project or (view.projects[0] if len(view.projects) == 1 else None),
        environments=_choices((item.value for item in view.environments), query.environment),
        releases=_choices((item.value for item in view.releases), query.release),
        ranges=_RANGE_WORDS,
        environment=query.environment,
        release=query.release,
        range=query.range,
        range_word=query.range_words,
        first_day=query.first_day,
        last_day=query.last_day,
        search=query.q,
        kept=tuple((name, value) for name, value in query.pairs() if name not in in_form),
    )


def rail(project_id: ProjectId | int) -> tuple[tuple[str, str, str, str], ...]:
    """Return the pages of the rail: name, word, icon, address."""
    return (
        ("insights", "Insights", "bulb", "/insights"),
        ("patterns", "Patterns", "layout-list", "/patterns"),
        ("connect", "Connect", "plug-connected", f"/projects/{project_id}/connect"),
        ("status", "Status", "activity", "/status"),
    )


async def foot_line(svc: QueryServices, project_id: ProjectId | None) -> StatusLine | None:
    """Return the foot line of a project (None = of all), None while the database is away."""
    try:
        return await monitoring.foot_line(svc, project_ids=(project_id,) if project_id is not None else ())
    except StorageError:
        return None


async def known_projects(svc: QueryServices) -> tuple[Project, ...]:
    """Return all projects, none while the database is away."""
    try:
        return await svc.access.projects()
    except StorageError:
        return ()


def _choices(values: Iterable[str], chosen: str) -> tuple[str, ...]:
    listed = [value for value in values if value]
    return tuple(listed if not chosen or chosen in listed else [chosen, *listed])
