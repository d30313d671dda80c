"""The page of one pattern, its errors in every form, and what a person does to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath
from litestar.response import Redirect

from error_manager.core.encoding import event_to_json
from error_manager.core.errors import NotFoundError, ValidationError
from error_manager.core.fingerprint import fingerprint
from error_manager.core.types import (
    ErrorEvent,
    FieldError,
    FieldNote,
    Fingerprint,
    PatternId,
    ProjectId,
    User,
)
from error_manager.decoding.json_text import clean_text
from error_manager.flows import findings, monitoring, rules, weights
from error_manager.flows.services import QueryServices
from error_manager.integrations.web.copying import error_markdown, error_text
from error_manager.integrations.web.frame import plain_frame
from error_manager.integrations.web.pages.person import person_name
from error_manager.integrations.web.query import DEFAULT_RANGE
from error_manager.integrations.web.template import SECURITY_HEADERS, html
from error_manager.integrations.web.trace import exceptions_of, steps_of
from error_manager.integrations.web.view import importance_word, tag_url
from error_manager.monitoring.answers import (
    DAY_S,
    HOUR_S,
    Answers,
    advice,
    ahead,
    chart,
    factor_bars,
    factor_words,
    gap_words,
    usual_words,
)
from error_manager.monitoring.dashboard import PatternView
from error_manager.monitoring.why import reason
from error_manager.security.auth import Caller
from error_manager.storage.base import PatternChangeRow, PatternName, PatternRow, Project
from error_manager.storage.findings import PatternAnalysis

HISTORY_DAYS: Final = {"24h": 1, "7d": 7, "14d": 14, "30d": 30, "90d": 90}
"""The time ranges of the history chart, in days."""

_IGNORE: Final[dict[str, timedelta | None]] = {
    "ignore-1h": timedelta(hours=1),
    "ignore-1d": timedelta(days=1),
    "ignore-1w": timedelta(weeks=1),
    "ignore": None,
}
_DONE: Final = {
    "resolve": "Resolved. The next error of it reopens it.",
    "ignore-1h": "Ignored for 1 hour.",
    "ignore-1d": "Ignored for 1 day.",
    "ignore-1w": "Ignored for 1 week.",
    "ignore": "Ignored until you reopen it.",
    "reopen": "Reopened.",
    "undo": "Undone.",
}
_REGROUPED: Final = {"merge": "merged", "split": "split"}
_REGROUPINGS: Final = frozenset({"merged", "split", "split_off"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the page says of the change that led to it, and the other pattern to look at."""

    text: str
    can_undo: bool
    other: PatternName | None = None


@get("/patterns/{project_id:int}/{pattern_id:int}")
async def show_pattern(
    request: Request[Caller, object, State],
    services: NamedDependency[QueryServices],
    project_id: FromPath[int],
    pattern_id: FromPath[int],
) -> Response[bytes] | Redirect:
    """Show one pattern with its newest error; one that was merged away leads to where its errors are."""
    return await _pattern_page(request, services, project_id, pattern_id, None)


@get("/patterns/{project_id:int}/{pattern_id:int}/{error_id:uuid}")
async def show_pattern_error(
    request: Request[Caller, object, State],
    services: NamedDependency[QueryServices],
    project_id: FromPath[int],
    pattern_id: FromPath[int],
    error_id: FromPath[UUID],
) -> Response[bytes] | Redirect:
    """Show one pattern with the error that the address names; leads to the pattern it is in now."""
    return await _pattern_page(request, services, project_id, pattern_id, error_id)


async def _pattern_page(
    request: Request[Caller, object, State],
    services: QueryServices,
    project_id: int,
    pattern_id: int,
    error_id: UUID | None,
) -> Response[bytes] | Redirect:
    """Return the page of a pattern with one of its errors."""
    asked = request.query_params.get("range", "")
    chosen = asked if asked in HISTORY_DAYS else DEFAULT_RANGE
    view = await monitoring.pattern_view(
        services, PatternId(pattern_id), error=error_id, days=HISTORY_DAYS[chosen]
    )
    if view.pattern.project_id != project_id:
        raise NotFoundError
    if view.pattern.id != pattern_id:
        tail = f"/{error_id}" if error_id else f"?from={pattern_id}"
        return Redirect(f"/patterns/{project_id}/{view.pattern.id}{tail}")
    frame = await plain_frame(
        services,
        active="patterns",
        person=await person_name(request, services),
        project=view.project,
    )
    why = await rules.explain(services, view.error) if view.error else None
    known = await findings.answers(services, view.pattern, view.history, shown=view.window)
    values = pattern_values(view, chosen, services.clock(), why=why, answers=known)
    came_from = request.query_params.get("from", "")
    values["said"] = _said(view, known, request.query_params.get("done", ""))
    values["came_from"] = came_from if came_from.isascii() and came_from.isdigit() else ""
    return html("pattern.html", values, frame=frame)


@get("/patterns/{project_id:int}/{pattern_id:int}/{error_id:uuid}/{form:str}")
async def show_error_as(
    services: NamedDependency[QueryServices],
    project_id: FromPath[int],
    pattern_id: FromPath[int],
    error_id: FromPath[UUID],
    form: FromPath[str],
) -> Response[bytes] | Redirect:
    """Return one error as ``markdown``, ``text`` or ``json``, to copy or to keep."""
    detail = await monitoring.error(services, error_id)
    if detail.row.project_id != project_id:
        raise NotFoundError
    if detail.row.pattern_id != pattern_id:
        return Redirect(f"/patterns/{project_id}/{detail.row.pattern_id}/{detail.row.id}/{form}")
    if form == "markdown":
        url = f"{services.url.rstrip('/')}/patterns/{project_id}/{pattern_id}/{detail.row.id}"
        return _plain(error_markdown(detail.event, url=url), "text/markdown")
    if form == "text":
        return _plain(error_text(detail.event), "text/plain")
    if form == "json":
        return _plain(
            json.dumps(event_to_json(detail.event), ensure_ascii=True, indent=2), "application/json"
        )
    raise NotFoundError


@post("/patterns/{project_id:int}/{pattern_id:int}/status", status_code=200)
async def change_status(
    request: Request[Caller, object, State],
    services: NamedDependency[QueryServices],
    project_id: FromPath[int],
    pattern_id: FromPath[int],
    data: Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Response[bytes] | Redirect:
    """Resolve, ignore, reopen or undo; answers with the changed part, or leads back without JavaScript."""
    action = data.get("action", "")
    project = await monitoring.find_project(services, ProjectId(project_id))
    await services.queries.pattern(PatternId(pattern_id), project_ids=(project.id,))
    pattern = await _changed(services, PatternId(pattern_id), data, request.user.person_id)
    if "hx-request" not in request.headers:
        return Redirect(f"/patterns/{project_id}/{pattern.id}?done={action}", status_code=303)
    if request.query_params.get("view") == "list":
        return html("toast_list.html", pattern=pattern, done=_DONE[action], can_undo=False)
    is_row = request.query_params.get("view") == "row"
    values: dict[str, object] = {
        "pattern": pattern,
        "project_name": project.name,
        "now": services.clock(),
        "done": _DONE[action],
        "can_undo": action != "undo",
        "is_row": is_row,
    }
    if is_row:
        return html("pattern_state_changed.html", values)
    if action == "undo":  # of a weight, too
        known = await findings.pattern_analysis(services, pattern.id)
        return html("pattern_undone.html", values | risk_values(known, project))
    return html("pattern_head.html", values)


@post("/patterns/{project_id:int}/{pattern_id:int}/weight", status_code=200)
async def set_weight(
    request: Request[Caller, object, State],
    services: NamedDependency[QueryServices],
    project_id: FromPath[int],
    pattern_id: FromPath[int],
    data: Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Response[bytes] | Redirect:
    """Set how much a pattern matters; answers with its risk, or leads back without JavaScript."""
    project = await monitoring.find_project(services, ProjectId(project_id))
    former = await services.queries.pattern(PatternId(pattern_id), project_ids=(project.id,))
    pattern = await weights.set_pattern_weight(
        services, PatternId(pattern_id), read_weight(data), person_id=request.user.person_id
    )
    if "hx-request" not in request.headers:
        return Redirect(f"/patterns/{project_id}/{pattern.id}?done=weight", status_code=303)
    known = await findings.pattern_analysis(services, pattern.id)
    # Of the weight that it had nothing is written: an undo would take back another change.
    is_changed = pattern.weight != former.weight
    return html(
        "pattern_weight_changed.html",
        risk_values(known, project),
        pattern=pattern,
        done=_weighed(pattern, known),
        can_undo=is_changed,
        is_row=False,
    )


@post("/patterns/{project_id:int}/{pattern_id:int}/recommendations", status_code=200)
async def say_whether_it_helped(
    request: Request[Caller, object, State],
    services: NamedDependency[QueryServices],
    project_id: FromPath[int],
    pattern_id: FromPath[int],
    data: Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)],
) -> Response[bytes] | Redirect:
    """Keep whether a recommendation has helped; the order of recommendations follows."""
    await services.queries.pattern(PatternId(pattern_id), project_ids=(ProjectId(project_id),))
    has_helped = data.get("helped") == "yes"
    await findings.give_feedback(
        services,
        PatternId(pattern_id),
        data.get("key", ""),
        has_helped=has_helped,
        person_id=request.user.person_id,
    )
    if "hx-request" not in request.headers:
        return Redirect(f"/patterns/{project_id}/{pattern_id}", status_code=303)
    return html("feedback.html", has_helped=has_helped)


def pattern_values(
    view: PatternView,
    chosen: str,
    now: datetime,
    *,
    why: Fingerprint | None = None,
    answers: Answers | None = None,
) -> dict[str, object]:
    """Return what the template of a pattern needs beside its frame.

    ``why`` is its error's fingerprint, ``answers`` what the analysis found.
    """
    answers = answers or Answers()
    days = HISTORY_DAYS[chosen]
    bucket_s = HOUR_S if days == 1 else DAY_S
    values: dict[str, object] = {
        "view": view,
        "pattern": view.pattern,
        "project_name": view.project.name,
        "now": now,
        "done": "",
        "is_row": False,
        "shown_total": sum(point.count for point in view.history),
        "range_word": "the last 24 hours" if days == 1 else f"the last {days} days",
        "ranges": [(name, name == chosen) for name in HISTORY_DAYS],
        "answers": answers,
        **risk_values(answers.analysis, view.project),
        "advice": advice((answers.analysis.recommendations if answers.analysis else None) or ()),
        "gap_words": gap_words,
        "chart_data": chart(view.history, answers, bucket_s=bucket_s),
        "usual_words": usual_words(view.history, answers, window=view.window, now=now),
        "has_ahead": bool(ahead(view.history, answers, bucket_s=bucket_s)),
        "users_trend": [count for _, count in view.users.days],
        "releases_total": sum(item.count for item in view.releases),
        "environments_total": sum(item.count for item in view.environments),
        "tag_url": tag_url,
        "groups": [
            group for group in view.groups if group.count or group.is_first
        ],  # a template may have none yet
        "groups_total": sum(group.count for group in view.groups),
        "can_undo": _can_undo(view.changes),
        "said": None,
        "came_from": "",
    }
    if view.error is not None:
        values |= error_values(view.error.event)
        shown = why or fingerprint(view.error.event)
        values["why"] = shown
        values["why_reason"] = reason(view.error.placement, shown.parts, rules=shown.rules).value
    return values


def risk_values(analysis: PatternAnalysis | None, project: Project) -> dict[str, object]:
    """Return what the card about the risk needs beside the pattern."""
    return {
        "analysis": analysis,
        "has_risk": analysis is not None and analysis.risk is not None,
        "factors": factor_bars((analysis.risk_factors if analysis else None) or ()),
        "factor_words": factor_words,
        "project_weight": project.weight,
    }


def read_weight(form: Mapping[str, str]) -> float | None:
    """Return the business weight that a form says, None when it says no number."""
    try:
        return float(form.get("weight", ""))
    except ValueError:
        return None


def error_values(event: ErrorEvent) -> dict[str, object]:
    """Return what the template of one error needs."""
    exceptions = exceptions_of(event)
    masked, other = split_notes(event.notes)
    return {
        "exceptions": exceptions,
        "has_frames": any(item.runs for item in exceptions),
        "steps": steps_of(event),
        "facts": _facts(event),
        "masked_notes": masked,
        "other_notes": other,
        "contexts": [
            (name, list(value.items()) if isinstance(value, Mapping) else [("value", value)])
            for name, value in event.contexts.items()
        ],
        "user_facts": _user_facts(event.user) if event.user else [],
    }


def _weighed(pattern: PatternRow, analysis: PatternAnalysis | None) -> str:
    """Return what a person has set, and the risk that it makes."""
    words = f"Importance is {importance_word(pattern.weight)} now"
    return (
        f"{words}."
        if analysis is None or analysis.risk is None
        else f"{words}; the risk is {analysis.risk:.0f}."
    )


def _said(view: PatternView, known: Answers, done: str) -> Said | None:
    """Return what the address says was just done, as far as it is the newest change of the pattern."""
    if done in _DONE:
        return Said(text=_DONE[done], can_undo=done != "undo")
    newest = view.changes[0] if view.changes else None
    if done == "weight":
        is_newest = newest is not None and newest.action == "weighted"
        return Said(text=_weighed(view.pattern, known.analysis), can_undo=is_newest)
    if newest is None or newest.action != _REGROUPED.get(done):
        return None
    if done == "split":
        return Said(text="Split off.", can_undo=True, other=newest.others[0])
    count = len(newest.others)
    return Said(text=f"Merged {count} other pattern{'' if count == 1 else 's'} into this one.", can_undo=True)


def _can_undo(changes: tuple[PatternChangeRow, ...]) -> bool:
    """Return whether an undo would find something: a regression stays, only a merge before it can go."""
    undone, is_blocked = 0, False
    for change in changes:
        if change.action == "undone":
            undone += 1
        elif change.action == "regressed":
            is_blocked = True
        elif undone:
            undone -= 1
        elif not is_blocked or change.action in _REGROUPINGS:
            return True
    return False


def split_notes(notes: tuple[FieldNote, ...]) -> tuple[list[FieldNote], list[FieldNote]]:
    """Return the notes about masked fields, and the others."""
    masked = [note for note in notes if note.reason.startswith("masked")]
    return masked, [note for note in notes if not note.reason.startswith("masked")]


async def _changed(
    services: QueryServices, pattern_id: PatternId, data: Mapping[str, str], person_id: int
) -> PatternRow:
    action = data.get("action", "")
    if action == "resolve":
        return await monitoring.resolve(
            services,
            pattern_id,
            person_id=person_id,
            note=clean_text(data.get("note", "")).strip(),
            release=clean_text(data.get("release", "")).strip(),
        )
    if action == "reopen":
        return await monitoring.reopen(services, pattern_id, person_id=person_id)
    if action == "undo":
        return await monitoring.undo(services, pattern_id, person_id=person_id)
    if action in _IGNORE:
        span = _IGNORE[action]
        until = services.clock() + span if span else None
        return await monitoring.ignore(services, pattern_id, until=until, person_id=person_id)
    raise ValidationError([FieldError(path="action", message=f"expected one of {', '.join(_DONE)}")])


def _plain(text: str, media_type: str) -> Response[bytes]:
    return Response(
        text.encode("utf-8", errors="replace"),
        media_type=f"{media_type}; charset=utf-8",
        headers=SECURITY_HEADERS,
    )


def _facts(event: ErrorEvent) -> list[tuple[str, str]]:
    facts = (
        ("Environment", event.environment),
        ("Release", event.release),
        ("Service", event.service),
        ("Host", event.server_name),
        ("Transaction", event.transaction),
        ("Logger", event.logger),
        ("Module", event.module),
        ("Trace", event.trace_id),
        ("Client", event.sdk),
        ("Manager context", event.manager_context),
        ("Time the client gave", event.original_timestamp),
    )
    return [(name, value) for name, value in facts if value]


def _user_facts(user: User) -> list[tuple[str, object]]:
    known = (
        ("id", user.id),
        ("e-mail", user.email),
        ("name", user.username),
        ("address", user.ip_address),
    )
    return [*((name, value) for name, value in known if value), *user.data.items()]
