"""What the analysis found, and what people tell it, over REST (seed box: REST API)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get, post
from litestar.params import PathParameter, QueryParameter
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED

from error_manager.analysis.pattern_state import PatternTrend
from error_manager.core.types import ProjectId
from error_manager.decoding.json_text import clean_text
from error_manager.flows import findings
from error_manager.integrations.api import parameters
from error_manager.integrations.api.body import read_json
from error_manager.integrations.api.parameters import (
    Cursor,
    Limit,
    PatternNumber,
    Projects,
    Services,
    Since,
    Until,
)
from error_manager.monitoring.answers import Similar
from error_manager.security.auth import Caller
from error_manager.storage.base import Page
from error_manager.storage.findings import (
    AnalysisFilter,
    Anomaly,
    AnomalyFilter,
    Change,
    ChangeKind,
    CorrelationFilter,
    CorrelationRow,
    ForecastRow,
    PatternAnalysis,
    Scale,
    Scope,
    ScopeKind,
)

MinScore = Annotated[
    float, QueryParameter(name="min_score", ge=0, description="Only findings with at least this score.")
]
OfScope = Annotated[
    ScopeKind | None, QueryParameter(name="series", description="Only series about this kind of thing.")
]


class NewChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A deploy or a change of configuration; without a time it is now."""

    project: int
    kind: ChangeKind = ChangeKind.DEPLOY
    version: str = ""
    environment: str = ""
    note: str = ""
    at: datetime | None = None


class NewFeedback(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Whether a recommendation has helped."""

    helped: bool


class LikeText(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A text to find similar patterns for, in these projects or all."""

    text: Annotated[str, msgspec.Meta(min_length=1)]
    projects: list[int] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarPatterns:
    """The most similar first; `is_degraded`: the index is away, so there are none."""

    items: tuple[Similar, ...]
    is_degraded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecasts:
    """The forecasts of one series, that of the shortest buckets first."""

    items: tuple[ForecastRow, ...]


@get("/anomalies", summary="List anomalies")
async def list_anomalies(  # noqa: PLR0917  # Litestar passes query parameters by name
    services: Services,
    project: Projects = None,
    series: OfScope = None,
    key: Annotated[
        str | None,
        QueryParameter(
            name="key", max_length=200, description="The id of the pattern, the module or the severity."
        ),
    ] = None,
    scale: Annotated[
        Scale | None,
        QueryParameter(
            name="scale",
            description="Only those seen within minutes, or only those that take an hour or more to be seen.",
        ),
    ] = None,
    is_open: Annotated[
        bool | None, QueryParameter(name="open", description="Only those that go on, or only those over.")
    ] = None,
    min_score: MinScore = 0.0,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Anomaly]:
    """Return unusual rates: what was expected, what came, since when; the newest first."""
    where = AnomalyFilter(
        project_ids=parameters.project_ids(project),
        scope_kind=series,
        scope_key=None if key is None else parameters.text(key),
        scale=scale,
        since=parameters.moment(since),
        until=parameters.moment(until),
        is_open=is_open,
        min_score=min_score,
    )
    return await services.findings.anomalies(where, limit=limit, cursor=cursor)


@get("/anomalies/{number:int}", summary="Read an anomaly")
async def read_anomaly(
    services: Services, number: Annotated[int, PathParameter(description="The `id` of the anomaly.")]
) -> Anomaly:
    """Return one anomaly with its evidence."""
    return await services.findings.anomaly(number if 0 < number <= parameters.MAX_ID else 0)


@get("/correlations", summary="List correlations")
async def list_correlations(  # noqa: PLR0917  # as above
    services: Services,
    project: Projects = None,
    pattern: Annotated[
        int | None,
        QueryParameter(name="pattern", description="Only those with the pattern of this `id`, on any side."),
    ] = None,
    min_score: MinScore = 0.0,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[CorrelationRow]:
    """Return directed pairs: the first comes before the second, `support` of `trials` times."""
    where = CorrelationFilter(
        project_ids=parameters.project_ids(project),
        pattern_id=None if pattern is None else parameters.pattern_id(pattern),
        min_score=min_score,
    )
    return await services.findings.correlations(where, limit=limit, cursor=cursor)


@get("/forecasts", summary="Read the forecasts of a series")
async def read_forecasts(
    services: Services,
    project: Annotated[int, QueryParameter(name="project", description="The `id` of the project.")],
    series: Annotated[
        ScopeKind, QueryParameter(name="series", description="What the series is about.")
    ] = ScopeKind.PROJECT,
    key: Annotated[
        str,
        QueryParameter(
            name="key", max_length=200, description="The id of the pattern, the module or the severity."
        ),
    ] = "",
) -> Forecasts:
    """Return expected errors per bucket with the bands that hold 80 and 95 %; empty before the first."""
    (project_id,) = parameters.project_ids([project])
    found = await services.findings.forecasts(
        Scope(project_id=project_id, kind=series, key=parameters.text(key))
    )
    return Forecasts(items=found)


@get("/analyses", summary="List analysed patterns")
async def list_analyses(  # noqa: PLR0917  # as above
    services: Services,
    project: Projects = None,
    pattern_state: Annotated[
        list[PatternTrend] | None,
        QueryParameter(
            name="pattern_state", description="Only patterns in these states; more than one may be given."
        ),
    ] = None,
    family: Annotated[
        str | None, QueryParameter(name="family", max_length=200, description="Only patterns of this family.")
    ] = None,
    min_risk: Annotated[
        float, QueryParameter(name="min_risk", ge=0, le=100, description="Only those at least as risky.")
    ] = 0.0,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[PatternAnalysis]:
    """Return what is known of patterns: state, risk with its factors, recommendations; the riskiest first."""
    where = AnalysisFilter(
        project_ids=parameters.project_ids(project),
        states=tuple(one.value for one in pattern_state or ()),
        family=None if family is None else parameters.text(family),
        min_risk=min_risk,
    )
    return await services.findings.analyses(where, limit=limit, cursor=cursor)


@get("/patterns/{number:int}/analysis", summary="Read the analysis of a pattern")
async def read_analysis(services: Services, number: PatternNumber) -> PatternAnalysis:
    """Return state, risk, recommendations and similar patterns; parts not told yet are null."""
    return await findings.pattern_analysis(services, parameters.pattern_id(number))


@post(
    "/patterns/{number:int}/recommendations/{key:str}",
    summary="Say whether a recommendation has helped",
    status_code=HTTP_200_OK,
)
async def give_feedback(
    services: Services,
    request: Request[Caller, Any, Any],
    number: PatternNumber,
    key: Annotated[str, PathParameter(description="The `key` of the recommendation.")],
) -> PatternAnalysis:
    """Keep it; the order of recommendations follows. Body: `{"helped": true}`."""
    wanted = await read_json(request, NewFeedback)
    pattern = parameters.pattern_id(number)
    await findings.give_feedback(
        services, pattern, key, has_helped=wanted.helped, person_id=request.user.person_id
    )
    return await findings.pattern_analysis(services, pattern)


@get("/patterns/{number:int}/similar", summary="List similar patterns")
async def list_similar(services: Services, number: PatternNumber, limit: Limit = 10) -> SimilarPatterns:
    """Return the patterns most like one: what they share, and how they were resolved."""
    found, is_degraded = await findings.similar_patterns(services, parameters.pattern_id(number), limit=limit)
    return SimilarPatterns(items=found, is_degraded=is_degraded)


@post("/similar", summary="Find patterns like a text", status_code=HTTP_200_OK)
async def find_similar(services: Services, request: Request[Caller, Any, Any]) -> SimilarPatterns:
    """Return the patterns that are like a trace, a message or words.

    Body: `{"text": "Traceback (most recent call last): ...", "projects": [1], "limit": 10}`; only the text is
    needed.
    """
    wanted = await read_json(request, LikeText)
    found, is_degraded = await findings.patterns_like(
        services,
        clean_text(wanted.text),
        project_ids=parameters.project_ids(wanted.projects),
        limit=wanted.limit,
    )
    return SimilarPatterns(items=found, is_degraded=is_degraded)


@get("/changes", summary="List releases, deploys and changes of configuration")
async def list_changes(  # noqa: PLR0917  # as above
    services: Services,
    project: Projects = None,
    kind: Annotated[
        list[ChangeKind] | None, QueryParameter(name="kind", description="Only these kinds.")
    ] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Change]:
    """Return what was changed, newest first. A release is known from its first error, if nobody told it."""
    return await services.findings.changes(
        project_ids=parameters.project_ids(project),
        since=parameters.moment(since),
        until=parameters.moment(until),
        kinds=tuple(kind or ()),
        limit=limit,
        cursor=cursor,
    )


@post("/changes", summary="Tell of a deploy or a change of configuration", status_code=HTTP_201_CREATED)
async def add_change(services: Services, request: Request[Caller, Any, Any]) -> Change:
    """Keep it; charts mark it and the analysis looks at what changed with it.

    Body: `{"project": 1, "version": "shop@2.8.0", "environment": "production"}`; `kind` (deploy), `at` (now)
    and `note` may be given.
    """
    wanted = await read_json(request, NewChange)
    (project_id,) = parameters.project_ids([wanted.project])
    return await findings.add_change(
        services,
        Change(
            project_id=ProjectId(project_id),
            at=parameters.moment(wanted.at) or services.clock(),
            kind=wanted.kind,
            version=clean_text(wanted.version),
            environment=clean_text(wanted.environment),
            note=clean_text(wanted.note),
            source="api",
        ),
    )


router = Router(
    path="/",
    route_handlers=[
        list_anomalies,
        read_anomaly,
        list_correlations,
        read_forecasts,
        list_analyses,
        read_analysis,
        give_feedback,
        list_similar,
        find_similar,
        list_changes,
        add_change,
    ],
    tags=["Findings"],
)
