"""Grouping rules of a project over REST: write, dry-run, switch on and off (seed box: REST API)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from litestar import Request, Response, Router, delete, get, post, put
from litestar.background_tasks import BackgroundTask
from litestar.status_codes import HTTP_200_OK, HTTP_202_ACCEPTED

from error_manager.core.errors import NotFoundError, ValidationError
from error_manager.core.rule_form import rule_from_json, rule_to_json
from error_manager.core.rules import GroupingRule
from error_manager.core.types import FieldError, ProjectId
from error_manager.flows import rules
from error_manager.flows.rules import AT_ONCE, MAX_ERRORS, Comparison
from error_manager.integrations.api import parameters
from error_manager.integrations.api.body import read_json
from error_manager.integrations.api.parameters import PreviewNumber, ProjectNumber, RuleNumber, Services
from error_manager.security.auth import Caller
from error_manager.storage.rules import Preview, StoredRule

_MAX_ID: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBody:
    """One rule: all matchers must match; the action says what becomes of the error."""

    id: int
    matchers: list[dict[str, str]]
    action: dict[str, Any]
    note: str
    is_active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleList:
    """All rules of a project in their order; ``version`` grows whenever the active ones change."""

    items: tuple[RuleBody, ...]
    version: int
    next: None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """A rule that was switched on or off, and how many known groups moved with it."""

    rule: RuleBody
    moved_groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewBody:
    """A dry run: ``result`` is null while ``status`` is ``running``; ``id`` is null when answered at once."""

    id: int | None
    status: Literal["running", "done", "failed"]
    total: int
    done: int
    result: Comparison | None
    failure: str = ""


class NewRule(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A rule to store."""

    action: dict[str, Any]
    matchers: list[dict[str, Any]] = []
    note: str = ""


class Order(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """All rules in the wanted order."""

    ids: list[int]


class Wanted(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What to dry-run: these rules instead of the active ones, or one stored rule switched the other way."""

    rules: list[dict[str, Any]] | None = None
    switch: int | None = None
    errors: int = AT_ONCE


class SwitchOn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Whether known groups follow."""

    moves_known: bool = True


@get("/", summary="List the grouping rules of a project")
async def list_rules(services: Services, project: ProjectNumber) -> RuleList:
    """Return all rules in their order."""
    book = await services.rules.book(_project(project))
    return RuleList(items=tuple(map(_body, book.rules)), version=book.version)


@post("/", summary="Create a grouping rule")
async def create_rule(
    services: Services, request: Request[Caller, Any, Any], project: ProjectNumber
) -> RuleBody:
    """Store a rule behind the others, switched off.

    Body: `{"matchers": [{"field": "type", "glob": "*Timeout*"}], "action": {"fingerprint": ["{{ type }}"]}}`.
    """
    wanted = await read_json(request, NewRule)
    stored = await rules.add(
        services, _project(project), _rule(wanted), note=wanted.note, person_id=request.user.person_id
    )
    return _body(stored)


@get("/{rule:int}", summary="Read a grouping rule")
async def read_rule(services: Services, project: ProjectNumber, rule: RuleNumber) -> RuleBody:
    """Return one rule."""
    return _body(await rules.find(services, _project(project), _number(rule)))


@put("/{rule:int}", summary="Change a grouping rule")
async def change_rule(
    services: Services, request: Request[Caller, Any, Any], project: ProjectNumber, rule: RuleNumber
) -> RuleBody:
    """Replace a rule that is switched off. Body: as for a new one."""
    wanted = await read_json(request, NewRule)
    changed = _rule(wanted, number=_number(rule))
    return _body(await rules.change(services, _project(project), changed, note=wanted.note))


@delete("/{rule:int}", summary="Delete a grouping rule")
async def delete_rule(services: Services, project: ProjectNumber, rule: RuleNumber) -> None:
    """Remove a rule that is switched off."""
    await services.rules.delete_rule(_project(project), _number(rule))


@post("/order", summary="Put the grouping rules into another order", status_code=HTTP_200_OK)
async def order_rules(
    services: Services, request: Request[Caller, Any, Any], project: ProjectNumber
) -> RuleList:
    """Put the rules into this order; the first fingerprint rule that matches wins.

    Body: `{"ids": [3, 1]}`.
    """
    wanted = await read_json(request, Order)
    await services.rules.order_rules(_project(project), [_number(number) for number in wanted.ids])
    book = await services.rules.book(_project(project))
    return RuleList(items=tuple(map(_body, book.rules)), version=book.version)


@post("/{rule:int}/on", summary="Switch a grouping rule on", status_code=HTTP_200_OK)
async def switch_on(
    services: Services, request: Request[Caller, Any, Any], project: ProjectNumber, rule: RuleNumber
) -> Switched:
    """Group errors to come by a rule; known groups follow unless the body is `{"moves_known": false}`."""
    wanted = await read_json(request, SwitchOn)
    moved = await rules.switch_on(
        services,
        _project(project),
        _number(rule),
        moves_known=wanted.moves_known,
        person_id=request.user.person_id,
    )
    stored = await rules.find(services, _project(project), rule)
    return Switched(rule=_body(stored), moved_groups=moved)


@post("/{rule:int}/off", summary="Switch a grouping rule off", status_code=HTTP_200_OK)
async def switch_off(
    services: Services, request: Request[Caller, Any, Any], project: ProjectNumber, rule: RuleNumber
) -> Switched:
    """Switch a rule off and move back what it moved, in one step."""
    moved = await rules.switch_off(
        services, _project(project), _number(rule), person_id=request.user.person_id
    )
    stored = await rules.find(services, _project(project), rule)
    return Switched(rule=_body(stored), moved_groups=moved)


@post("/preview", summary="Dry-run grouping rules", status_code=HTTP_200_OK)
async def preview_rules(
    services: Services, request: Request[Caller, Any, Any], project: ProjectNumber
) -> Response[PreviewBody]:
    """Say what rules would change, on the newest stored errors, and change nothing.

    Body: `{"rules": [...], "errors": 1000}` for rules instead of the active ones, or `{"switch": 3}` for a
    stored rule switched the other way. Up to 1,000 errors are answered at once; more (up to 100,000) with 202
    and an `id` to ask for.
    """
    wanted = await read_json(request, Wanted)
    number = _project(project)
    if not 1 <= wanted.errors <= MAX_ERRORS:
        raise _wrong("errors", f"expected 1 to {MAX_ERRORS}")
    if (wanted.rules is None) == (wanted.switch is None):
        raise _wrong("rules", "expected `rules` or `switch`, one of them")
    if wanted.rules is not None:
        drafts = [rule_from_json(item, path=f"rules.{place}") for place, item in enumerate(wanted.rules)]
        ways = await rules.draft(services, number, drafts)
    else:
        ways = await rules.flip(services, number, _number(wanted.switch or 0))
    if wanted.errors <= AT_ONCE:
        found = await rules.compare(services, number, ways, errors=wanted.errors)
        body = PreviewBody(id=None, status="done", total=found.errors, done=found.errors, result=found)
        return Response(body)
    started, run = await rules.start_preview(
        services, number, ways, rule_id=wanted.switch, errors=wanted.errors
    )
    shown = preview_body(await services.rules.preview(number, started))
    return Response(shown, status_code=HTTP_202_ACCEPTED, background=BackgroundTask(run))


@get("/previews/{preview:int}", summary="Read a dry run of grouping rules")
async def read_preview(services: Services, project: ProjectNumber, preview: PreviewNumber) -> PreviewBody:
    """Return how far a dry run is, and its result when it is done; kept for a week."""
    number = preview if 0 < preview <= _MAX_ID else 0
    return preview_body(await rules.find_preview(services, _project(project), number))


def preview_body(preview: Preview) -> PreviewBody:
    """Return a dry run as the API shows it."""
    result = rules.comparison_of(preview)
    return PreviewBody(
        id=preview.id,
        status="failed" if preview.failure else "running" if result is None else "done",
        total=preview.total,
        done=preview.done,
        result=result,
        failure=preview.failure,
    )


def _rule(wanted: NewRule, *, number: int = 0) -> GroupingRule:
    form = {"matchers": wanted.matchers, "action": wanted.action}
    return rule_from_json(form, rule_id=number)


def _body(stored: StoredRule) -> RuleBody:
    form: dict[str, Any] = rule_to_json(stored.rule)
    return RuleBody(
        id=stored.rule.id,
        matchers=form["matchers"],
        action=form["action"],
        note=stored.note,
        is_active=stored.is_active,
        created_at=stored.created_at,
    )


def _project(number: int) -> ProjectId:
    return parameters.project_ids([number])[0]


def _number(number: int) -> int:
    if not 0 < number <= parameters.MAX_ID:
        message = f"There is no rule {number} in this project."
        raise NotFoundError(message)
    return number


def _wrong(path: str, message: str) -> ValidationError:
    return ValidationError([FieldError(path=path, message=message)])


router = Router(
    path="/projects/{project:int}/rules",
    route_handlers=[
        list_rules,
        create_rule,
        read_rule,
        change_rule,
        delete_rule,
        order_rules,
        switch_on,
        switch_off,
        preview_rules,
        read_preview,
    ],
    tags=["Grouping rules"],
)
