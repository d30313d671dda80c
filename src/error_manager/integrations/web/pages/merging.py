"""Merging and splitting on pages: choose, confirm, do; with forms alone, and faster with a script."""

from __future__ import annotations

from collections.abc import Iterable

from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from error_manager.core.errors import NotFoundError, ValidationError
from error_manager.core.search import clean
from error_manager.core.types import FieldError, PatternId, ProjectId
from error_manager.flows import monitoring, regrouping
from error_manager.flows.services import QueryServices
from error_manager.integrations.web.frame import plain_frame
from error_manager.integrations.web.pages.person import person_name
from error_manager.integrations.web.template import html
from error_manager.security.auth import Caller
from error_manager.storage.base import PatternRow

_MAX_ID = 2**31 - 1


@get("/patterns/{project_id:int}/{pattern_id:int}/merge")
async def choose(
    request: Request[Caller, object, State],
    services: NamedDependency[QueryServices],
    project_id: FromPath[int],
    pattern_id: FromPath[int],
) -> Response[bytes]:
    """Show what may be merged with a pattern: the most like it, or what a search finds."""
    search = clean(request.query_params.get("q", "")).strip()
    view = await monitoring.merge_view(services, PatternId(pattern_id), search=search)
    if view.project.id != project_id:
        raise NotFoundError
    frame = await plain_frame(
        services, active="patterns", person=await person_name(request, services), project=view.project
    )
    return html("merge_with.html", frame=frame, view=view, pattern=view.pattern, search=search)


@get("/patterns/merge")
async def confirm(
    request: Request[Caller, object, State], services: NamedDependency[QueryServices]
) -> Response[bytes]:
    """Show the chosen patterns and ask which of them the others become part of."""
    project_id, rows = await _chosen(services, request.query_params.multi_items())
    project = await monitoring.find_project(services, project_id)
    frame = await plain_frame(
        services, active="patterns", person=await person_name(request, services), project=project
    )
    values = merge_values(rows)
    return html("merge.html", values, frame=frame, project=project, now=services.clock())


@post("/patterns/merge", status_code=200)
async def merge(
    request: Request[Caller, object, State], services: NamedDependency[QueryServices]
) -> Response[bytes] | Redirect:
    """Merge the chosen patterns into one of them; leads there, or tells the list that it is done."""
    form = (await request.form()).multi_items()
    _, rows = await _chosen(services, form)
    into = _numbers(form, "into")
    target = next((row for row in rows if row.id in into), rows[0])
    others = tuple(row.id for row in rows if row.id != target.id)
    pattern = await regrouping.merge(services, target.id, others, person_id=request.user.person_id)
    if "hx-request" not in request.headers:
        return Redirect(f"/patterns/{pattern.project_id}/{pattern.id}?done=merge", status_code=303)
    count = f"{len(others)} pattern{'' if len(others) == 1 else 's'}"
    title = pattern.title or pattern.error_code
    return html("toast_list.html", pattern=pattern, done=f"Merged {count} into {title}.", can_undo=True)


@post("/patterns/{project_id:int}/{pattern_id:int}/split", status_code=200)
async def split(
    request: Request[Caller, object, State],
    services: NamedDependency[QueryServices],
    project_id: FromPath[int],
    pattern_id: FromPath[int],
) -> Redirect:
    """Split the groups of the form off a pattern and lead back to it."""
    form = (await request.form()).multi_items()
    pattern = await services.queries.pattern(PatternId(pattern_id), project_ids=(ProjectId(project_id),))
    only = tuple(str(value) for name, value in form if name == "only")
    marked = tuple(str(value) for name, value in form if name == "group")
    title = "" if only else clean(next((str(value) for name, value in form if name == "title"), ""))
    await regrouping.split(
        services, pattern.id, only or marked, title=title, person_id=request.user.person_id
    )
    return Redirect(f"/patterns/{project_id}/{pattern.id}?done=split", status_code=303)


def merge_values(rows: tuple[PatternRow, ...]) -> dict[str, object]:
    """Return what the template that asks for the target needs beside its frame."""
    return {"rows": rows, "total": sum(row.count for row in rows)}


async def _chosen(
    services: QueryServices, pairs: Iterable[tuple[str, object]]
) -> tuple[ProjectId, tuple[PatternRow, ...]]:
    """Return project and patterns that a form names, most frequent first.

    Raises:
        ValidationError: less than two patterns.
    """
    listed = list(pairs)
    ids = tuple(PatternId(number) for number in _numbers(listed, "pattern"))
    first = await services.queries.pattern(ids[0]) if ids else None
    rows = await regrouping.chosen(services, first.project_id, ids) if first else ()
    if first is None or len(rows) < 2:
        raise ValidationError([FieldError(path="pattern", message="mark at least two patterns to merge")])
    return first.project_id, rows


def _numbers(pairs: Iterable[tuple[str, object]], name: str) -> list[int]:
    texts = [str(value) for key, value in pairs if key == name]
    digits = [text for text in texts if len(text) <= 10 and text.isascii() and text.isdigit()]
    return [number for number in map(int, digits) if number <= _MAX_ID]
