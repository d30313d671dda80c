"""Patterns over REST: lists, errors, history, tags, and what people do to them (seed box: REST API)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from litestar import Request, Router, get, post, put
from litestar.params import QueryParameter
from litestar.status_codes import HTTP_200_OK

from error_manager.analysis.parameters import Parameter
from error_manager.decoding.json_text import clean_text
from error_manager.flows import monitoring, weights
from error_manager.integrations.api import parameters
from error_manager.integrations.api.body import WeightBody, read_json
from error_manager.integrations.api.parameters import (
    Cursor,
    Environment,
    Limit,
    PatternNumber,
    Projects,
    Release,
    Search,
    Services,
    Severities,
    Since,
    Status,
    Until,
)
from error_manager.monitoring.dashboard import window
from error_manager.security.auth import Caller
from error_manager.storage.base import (
    ErrorFilter,
    ErrorRow,
    HistoryPoint,
    Page,
    PatternFilter,
    PatternOrder,
    PatternRow,
    TagSummary,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Errors per hour or day, oldest first."""

    bucket: str
    since: datetime
    until: datetime
    items: tuple[HistoryPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """The tags of a pattern."""

    items: tuple[TagSummary, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The variable parts of a pattern's messages."""

    items: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """How long to ignore a pattern; null = until a person reopens it."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolve:
    """How a pattern was resolved, and the release that brings the fix."""

    note: str = ""
    release: str = ""


@get("/", summary="List patterns")
async def list_patterns(  # noqa: PLR0917  # Litestar passes query parameters by name
    services: Services,
    project: Projects = None,
    q: Search = "",
    status: Status = None,
    severity: Severities = None,
    environment: Environment = "",
    release: Release = "",
    since: Since = None,
    until: Until = None,
    sort: Annotated[
        PatternOrder,
        QueryParameter(
            name="sort",
            description="The largest, newest or worst come first.",
        ),
    ] = (PatternOrder.LAST_SEEN),
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[PatternRow]:
    """Return patterns. With a time range, environment or release, counts are those of the range."""
    where = PatternFilter(
        project_ids=parameters.project_ids(project),
        status=status,
        severities=tuple(severity or ()),
        environment=parameters.text(environment),
        release=parameters.text(release),
        since=parameters.moment(since),
        until=parameters.moment(until),
    )
    return await monitoring.list_patterns(services, where, search=q, order=sort, limit=limit, cursor=cursor)


@get("/{number:int}/errors", summary="List the errors of a pattern")
async def list_pattern_errors(  # noqa: PLR0917  # as above
    services: Services,
    number: PatternNumber,
    q: Search = "",
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ErrorRow]:
    """Return the errors of one pattern, newest first."""
    pattern = await services.queries.pattern(parameters.pattern_id(number))
    where = ErrorFilter(
        project_ids=(pattern.project_id,),
        pattern_id=pattern.id,
        since=parameters.moment(since),
        until=parameters.moment(until),
    )
    return await monitoring.list_errors(services, where, search=q, limit=limit, cursor=cursor)


@get("/{number:int}/history", summary="Read the history of a pattern")
async def read_history(  # noqa: PLR0917  # as above
    services: Services,
    number: PatternNumber,
    since: Since = None,
    until: Until = None,
    environment: Environment = "",
    release: Release = "",
) -> History:
    """Return errors per hour (up to three days) or UTC day; the last 14 days unless asked."""
    pattern = await services.queries.pattern(parameters.pattern_id(number))
    shown = window(parameters.moment(since), parameters.moment(until), now=services.clock())
    points = await services.queries.history(
        pattern.id,
        project_ids=(pattern.project_id,),
        window=shown,
        environment=parameters.text(environment),
        release=parameters.text(release),
    )
    return History(bucket=shown.bucket.value, since=shown.since, until=shown.until, items=points)


@get("/{number:int}/tags", summary="Read the tags of a pattern")
async def read_tags(
    services: Services, number: PatternNumber, since: Since = None, until: Until = None
) -> Tags:
    """Return the tags of a pattern with their most frequent values (whole UTC days)."""
    pattern = await services.queries.pattern(parameters.pattern_id(number))
    return Tags(
        items=await services.queries.tags(
            pattern.id, since=parameters.moment(since), until=parameters.moment(until)
        )
    )


@get("/{number:int}/parameters", summary="Read the variable parts of a pattern's messages")
async def read_parameters(services: Services, number: PatternNumber) -> Parameters:
    """Return what the messages of the newest 200 errors filled in for each variable part."""
    return Parameters(items=await monitoring.pattern_parameters(services, parameters.pattern_id(number)))


@post("/{number:int}/resolve", summary="Resolve a pattern", status_code=HTTP_200_OK)
async def resolve(
    services: Services, request: Request[Caller, Any, Any], number: PatternNumber
) -> PatternRow:
    """Mark a pattern resolved; its next error reopens it.

    Body: nothing, or how it was done: `{"note": "raised the pool to 40", "release": "api@2.9.0"}`. Who
    meets a similar pattern reads both.
    """
    wanted = await read_json(request, Resolve)
    return await monitoring.resolve(
        services,
        parameters.pattern_id(number),
        person_id=request.user.person_id,
        note=clean_text(wanted.note),
        release=clean_text(wanted.release),
    )


@post("/{number:int}/ignore", summary="Ignore a pattern", status_code=HTTP_200_OK)
async def ignore(services: Services, request: Request[Caller, Any, Any], number: PatternNumber) -> PatternRow:
    """Ignore a pattern until a time, or for ever. Body: `{"until": "2030-01-01T00:00:00Z"}` or nothing."""
    wanted = await read_json(request, Ignore)
    return await monitoring.ignore(
        services,
        parameters.pattern_id(number),
        until=parameters.moment(wanted.until),
        person_id=request.user.person_id,
    )


@post("/{number:int}/reopen", summary="Reopen a pattern", status_code=HTTP_200_OK)
async def reopen(services: Services, request: Request[Caller, Any, Any], number: PatternNumber) -> PatternRow:
    """Mark a pattern unresolved."""
    return await monitoring.reopen(services, parameters.pattern_id(number), person_id=request.user.person_id)


@post("/{number:int}/undo", summary="Undo the last change of a pattern", status_code=HTTP_200_OK)
async def undo(services: Services, request: Request[Caller, Any, Any], number: PatternNumber) -> PatternRow:
    """Take back the last resolve, ignore, reopen, weight, merge or split."""
    return await monitoring.undo(services, parameters.pattern_id(number), person_id=request.user.person_id)


@put("/{number:int}/weight", summary="Set the business weight of a pattern")
async def set_weight(
    services: Services, request: Request[Caller, Any, Any], number: PatternNumber
) -> PatternRow:
    """Say how much a pattern matters; its risk follows at once. Body: `{"weight": 2}`, 0.25 to 4, usual 1."""
    wanted = await read_json(request, WeightBody)
    return await weights.set_pattern_weight(
        services, parameters.pattern_id(number), wanted.weight, person_id=request.user.person_id
    )


router = Router(
    path="/patterns",
    route_handlers=[
        list_patterns,
        list_pattern_errors,
        read_history,
        read_tags,
        read_parameters,
        resolve,
        ignore,
        reopen,
        undo,
        set_weight,
    ],
    tags=["Patterns"],
)
