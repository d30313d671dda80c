"""Errors over REST: list and one, by our id or the client's (seed box: REST API)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from litestar import Router, get

from error_manager.core.encoding import event_to_json
from error_manager.core.types import ErrorId, EventId, PatternId, ProjectId, Severity
from error_manager.flows import monitoring, rules
from error_manager.integrations.api import parameters
from error_manager.integrations.api.parameters import (
    Cursor,
    Environment,
    ErrorCode,
    ErrorReference,
    Limit,
    Module,
    OfPattern,
    Projects,
    Release,
    Search,
    Services,
    Severities,
    Since,
    Until,
)
from error_manager.monitoring.why import Reason, reason
from error_manager.storage.base import ErrorFilter, ErrorRow, Page


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorWhy:
    """Why the error is in its pattern: by its ``fingerprint``, by that of the ``client``, or by a ``person``.

    ``group`` holds the errors with the same fingerprint, ``parts`` is what the fingerprint is made of.
    ``since`` is when the group came into the pattern, ``person`` who moved it there.
    """

    by: Reason
    group: str
    since: datetime
    person: str
    parts: tuple[str, ...]
    rules: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBody:
    """One error; ``error`` is all that was kept of it; ``previous_id`` is the next older of its pattern."""

    id: ErrorId
    event_id: EventId
    project_id: ProjectId
    pattern_id: PatternId
    timestamp: datetime
    created_at: datetime
    message: str
    module: str
    error_code: str
    severity: Severity
    environment: str
    release: str
    occurrences: int
    fingerprint_version: int
    previous_id: UUID | None
    next_id: UUID | None
    why: ErrorWhy
    error: dict[str, object]


@get("/", summary="List errors")
async def list_errors(  # noqa: PLR0917  # Litestar passes query parameters by name
    services: Services,
    project: Projects = None,
    pattern: OfPattern = None,
    q: Search = "",
    severity: Severities = None,
    module: Module = "",
    error_code: ErrorCode = "",
    environment: Environment = "",
    release: Release = "",
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[ErrorRow]:
    """Return errors, newest first."""
    where = ErrorFilter(
        project_ids=parameters.project_ids(project),
        pattern_id=None if pattern is None else parameters.pattern_id(pattern),
        severities=tuple(severity or ()),
        module=parameters.text(module),
        error_code=parameters.text(error_code),
        environment=parameters.text(environment),
        release=parameters.text(release),
        since=parameters.moment(since),
        until=parameters.moment(until),
    )
    return await monitoring.list_errors(services, where, search=q, limit=limit, cursor=cursor)


@get("/{reference:str}", summary="Read an error")
async def read_error(services: Services, reference: ErrorReference) -> ErrorBody:
    """Return one error by our id or by the one its client chose."""
    detail = await monitoring.error(services, parameters.error_id(reference))
    row, placement, why = detail.row, detail.placement, await rules.explain(services, detail)
    return ErrorBody(
        id=row.id,
        event_id=row.event_id,
        project_id=row.project_id,
        pattern_id=row.pattern_id,
        timestamp=row.timestamp,
        created_at=detail.created_at,
        message=row.message,
        module=row.module,
        error_code=row.error_code,
        severity=row.severity,
        environment=row.environment,
        release=row.release,
        occurrences=row.occurrences,
        fingerprint_version=detail.fingerprint_version,
        previous_id=detail.previous_id,
        next_id=detail.next_id,
        why=ErrorWhy(
            by=reason(placement, why.parts, rules=why.rules),
            group=placement.group,
            since=placement.since,
            person=placement.person,
            parts=why.parts,
            rules=why.rules,
        ),
        error=event_to_json(detail.event),
    )


router = Router(path="/errors", route_handlers=[list_errors, read_error], tags=["Errors"])
