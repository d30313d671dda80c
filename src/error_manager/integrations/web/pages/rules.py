"""The grouping rules of a project: list, write, dry-run, switch; with forms alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final

from litestar import Request, Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath
from litestar.response import Redirect

from error_manager.core.errors import NotFoundError, ValidationError
from error_manager.core.rules import FIELDS
from error_manager.core.types import FieldError, PatternId, ProjectId
from error_manager.flows import monitoring, regrouping, rules
from error_manager.flows.rules import AT_ONCE, MAX_ERRORS, Comparison
from error_manager.flows.services import QueryServices
from error_manager.integrations.web.frame import plain_frame
from error_manager.integrations.web.pages.person import person_name
from error_manager.integrations.web.rule_form import (
    RuleForm,
    draft_of,
    empty_form,
    form_of,
    read_form,
    rule_of,
)
from error_manager.integrations.web.template import html
from error_manager.security.auth import Caller
from error_manager.storage.base import Project
from error_manager.storage.rules import Preview, StoredRule

_MAX_ID: Final = 2**31 - 1
_DONE: Final = {
    "added": "Stored, and still switched off.",
    "changed": "Changed.",
    "on": "Switched on. Errors to come are grouped by it.",
    "off": "Switched off. What it had moved is back where it was.",
    "deleted": "Deleted.",
    "moved": "The order is changed.",
}

Fields = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
Asked = Request[Caller, object, State]


@get("/projects/{project_id:int}/rules")
async def show_rules(
    request: Asked, services: NamedDependency[QueryServices], project_id: FromPath[int]
) -> Response[bytes]:
    """Show the rules of a project and the form of a new one, filled from the pattern the address names."""
    project = await monitoring.find_project(services, ProjectId(project_id))
    asked = request.query_params.get("pattern", "")
    form = empty_form()
    if len(asked) <= 10 and asked.isascii() and asked.isdigit() and 0 < int(asked) <= _MAX_ID:
        groups = await regrouping.groups(services, PatternId(int(asked)))
        form = draft_of(regrouping.own_parts(groups))
    return await _list_page(request, services, project, form)


@post("/projects/{project_id:int}/rules", status_code=200)
async def add_rule(
    request: Asked, services: NamedDependency[QueryServices], project_id: FromPath[int], data: Fields
) -> Response[bytes] | Redirect:
    """Store a rule, switched off, and lead to what it would change."""
    project = await monitoring.find_project(services, ProjectId(project_id))
    form = read_form(data)
    try:
        stored = await rules.add(
            services, project.id, rule_of(form), note=form.note, person_id=request.user.person_id
        )
    except ValidationError as error:
        wrong = replace(form, problems=_problems(error))
        return await _list_page(request, services, project, wrong)
    return _led(project, f"/{stored.rule.id}", "added")


@get("/projects/{project_id:int}/rules/{rule_id:int}")
async def show_rule(
    request: Asked,
    services: NamedDependency[QueryServices],
    project_id: FromPath[int],
    rule_id: FromPath[int],
) -> Response[bytes]:
    """Show one rule and what switching it would change."""
    project = await monitoring.find_project(services, ProjectId(project_id))
    stored = await rules.find(services, project.id, _number(rule_id))
    asked = request.query_params.get("preview", "")
    preview = None
    if asked.isascii() and asked.isdigit():
        preview = await rules.find_preview(services, project.id, int(asked[:18]))
    return await _rule_page(request, services, project, stored, form_of(stored), preview=preview)


@post("/projects/{project_id:int}/rules/{rule_id:int}", status_code=200)
async def act_on_rule(
    request: Asked,
    services: NamedDependency[QueryServices],
    project_id: FromPath[int],
    rule_id: FromPath[int],
    data: Fields,
) -> Response[bytes] | Redirect:
    """Do to a rule what the form says: change, switch on or off, move up or down, delete, dry-run."""
    project = await monitoring.find_project(services, ProjectId(project_id))
    stored = await rules.find(services, project.id, _number(rule_id))
    person_id = request.user.person_id
    match data.get("do", ""):
        case "change":
            return await _change(request, services, project, stored, data)
        case "on":
            moves = data.get("moves_known") == "yes"
            await rules.switch_on(services, project.id, rule_id, moves_known=moves, person_id=person_id)
            return _led(project, f"/{rule_id}", "on")
        case "off":
            await rules.switch_off(services, project.id, rule_id, person_id=person_id)
            return _led(project, f"/{rule_id}", "off")
        case "delete":
            await services.rules.delete_rule(project.id, rule_id)
            return _led(project, "", "deleted")
        case "up" | "down" as way:
            await _reorder(services, project, rule_id, -1 if way == "up" else 1)
            return _led(project, "", "moved")
        case "preview":
            return await _start(services, project, rule_id)
        case _:
            wrong = "expected one of change, on, off, delete, up, down, preview"
            raise ValidationError([FieldError(path="do", message=wrong)])


async def _change(
    request: Asked, services: QueryServices, project: Project, stored: StoredRule, data: dict[str, str]
) -> Response[bytes] | Redirect:
    form = read_form(data)
    try:
        await rules.change(services, project.id, rule_of(form, number=stored.rule.id), note=form.note)
    except ValidationError as error:
        wrong = replace(form, problems=_problems(error))
        return await _rule_page(request, services, project, stored, wrong)
    return _led(project, f"/{stored.rule.id}", "changed")


async def _reorder(services: QueryServices, project: Project, rule_id: int, step: int) -> None:
    ids = [stored.rule.id for stored in (await services.rules.book(project.id)).rules]
    here = ids.index(rule_id)
    there = min(max(here + step, 0), len(ids) - 1)
    ids[here], ids[there] = ids[there], ids[here]
    await services.rules.order_rules(project.id, ids)


async def _start(services: QueryServices, project: Project, rule_id: int) -> Redirect:
    """Start a long dry run and lead to the page that shows how far it is."""
    ways = await rules.flip(services, project.id, rule_id)
    number, run = await rules.start_preview(services, project.id, ways, rule_id=rule_id, errors=MAX_ERRORS)
    return Redirect(
        f"/projects/{project.id}/rules/{rule_id}?preview={number}",
        status_code=303,
        background=BackgroundTask(run),
    )


async def _list_page(
    request: Asked, services: QueryServices, project: Project, form: RuleForm
) -> Response[bytes]:
    book = await services.rules.book(project.id)
    frame = await plain_frame(
        services, active="patterns", person=await person_name(request, services), project=project
    )
    return html(
        "rules.html",
        frame=frame,
        project=project,
        book=book,
        form=form,
        fields=FIELDS,
        action_url=f"/projects/{project.id}/rules",
        done=_DONE.get(request.query_params.get("done", ""), ""),
    )


async def _rule_page(
    request: Asked,
    services: QueryServices,
    project: Project,
    stored: StoredRule,
    form: RuleForm,
    *,
    preview: Preview | None = None,
) -> Response[bytes]:
    found: Comparison | None = None
    if preview is not None:
        found = rules.comparison_of(preview)
    elif not stored.is_active:
        ways = await rules.flip(services, project.id, stored.rule.id)
        found = await rules.compare(services, project.id, ways, errors=AT_ONCE)
    frame = await plain_frame(
        services, active="patterns", person=await person_name(request, services), project=project
    )
    return html(
        "rule.html",
        frame=frame,
        project=project,
        stored=stored,
        form=form,
        fields=FIELDS,
        action_url=f"/projects/{project.id}/rules/{stored.rule.id}",
        found=found,
        preview=preview,
        is_running=preview is not None and found is None and not preview.failure,
        done=_DONE.get(request.query_params.get("done", ""), ""),
        now=services.clock(),
    )


def _led(project: Project, rest: str, done: str) -> Redirect:
    return Redirect(f"/projects/{project.id}/rules{rest}?done={done}", status_code=303)


def _problems(error: ValidationError) -> tuple[str, ...]:
    return tuple(f"{wrong.path}: {wrong.message}" for wrong in error.errors)


def _number(rule_id: int) -> int:
    if not 0 < rule_id <= _MAX_ID:
        raise NotFoundError
    return rule_id
