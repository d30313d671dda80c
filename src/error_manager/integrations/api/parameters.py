"""The query parameters that lists share, checked once at the border (seed box: REST API)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import UUID

from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from error_manager.core.errors import NotFoundError
from error_manager.core.search import clean
from error_manager.core.types import PatternId, PatternStatus, ProjectId, Severity
from error_manager.flows.services import QueryServices

MAX_ID: Final = 2**31 - 1
_YEARS: Final = (1970, 9998)

Services = NamedDependency[QueryServices]
Projects = Annotated[
    list[int] | None,
    QueryParameter(name="project", description="Only these projects; may be given more than once."),
]
Since = Annotated[
    datetime | None,
    QueryParameter(name="since", description="From this time on (RFC 3339; UTC when no zone is given)."),
]
Until = Annotated[datetime | None, QueryParameter(name="until", description="Before this time (RFC 3339).")]
Search = Annotated[
    str,
    QueryParameter(
        name="q",
        max_length=2000,
        description=(
            'Words, "phrases", -not, field:value (type, module, code, severity, env, release, is, any tag).'
        ),
    ),
]
Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=500, description="Rows of one page.")]
Cursor = Annotated[
    str | None,
    QueryParameter(name="cursor", description="The `next` of the page before; none for the first."),
]
ProjectNumber = Annotated[int, PathParameter(description="The `id` of the project.")]
RuleNumber = Annotated[int, PathParameter(description="The `id` of the rule, as lists give it.")]
PreviewNumber = Annotated[int, PathParameter(description="The `id` of the dry run, as its start gave it.")]
PatternNumber = Annotated[int, PathParameter(description="The `id` of the pattern, as lists give it.")]
OfPattern = Annotated[
    int | None, QueryParameter(name="pattern", description="Only errors of the pattern with this `id`.")
]
ErrorReference = Annotated[
    str, PathParameter(description="The id of the error: ours, or the `event_id` of its client.")
]
Severities = Annotated[
    list[Severity] | None,
    QueryParameter(name="severity", description="Only these severities; may be given more than once."),
]
Status = Annotated[
    PatternStatus | None,
    QueryParameter(name="status", description="Only patterns in this state; all without it."),
]
Module = Annotated[
    str,
    QueryParameter(
        name="module",
        max_length=1000,
        description="Only errors of exactly this module.",
    ),
]
ErrorCode = Annotated[
    str,
    QueryParameter(
        name="error_code",
        max_length=1000,
        description="Only errors with this code, such as `KeyError`.",
    ),
]
Environment = Annotated[
    str,
    QueryParameter(
        name="environment", max_length=1000, description="Only what happened there, such as `production`."
    ),
]
Release = Annotated[
    str,
    QueryParameter(name="release", max_length=1000, description="Only what happened in this version."),
]


def project_ids(given: list[int] | None) -> tuple[ProjectId, ...]:
    """Return the project ids; those that cannot exist are kept as 0, which no project has."""
    return tuple(ProjectId(number if 0 < number <= MAX_ID else 0) for number in given or ())


def pattern_id(given: int) -> PatternId:
    """Return the id of a pattern.

    Raises:
        NotFoundError: no pattern can have it.
    """
    if not 0 < given <= MAX_ID:
        message = f"There is no pattern {given}."
        raise NotFoundError(message)
    return PatternId(given)


def error_id(given: str) -> UUID:
    """Return the id of an error: ours, or the 32 hexadecimal digits of a client.

    Raises:
        NotFoundError: no error can have it.
    """
    try:
        return UUID(given)
    except ValueError as error:
        message = "There is no such error. An id has 32 hexadecimal digits, with or without dashes."
        raise NotFoundError(message) from error


def moment(given: datetime | None) -> datetime | None:
    """Return the time in UTC, kept within the years a database and a calendar can add to."""
    if given is None:
        return None
    year = min(max(given.year, _YEARS[0]), _YEARS[1])
    if year != given.year:
        return datetime(year, 1, 1, tzinfo=UTC)
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)


def text(given: str) -> str:
    """Return the text without what no stored text holds."""
    return clean(given).strip()
