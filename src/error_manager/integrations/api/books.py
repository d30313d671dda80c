"""Outcomes, status, reports and metrics over REST (seed boxes: REST API, Metrics Collector)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get
from litestar.params import PathParameter, QueryParameter
from prometheus_client import PROCESS_COLLECTOR

from error_manager.core.errors import AuthenticationError, NotFoundError, StorageError
from error_manager.core.types import ItemCategory
from error_manager.flows import access, monitoring
from error_manager.integrations.api import parameters
from error_manager.integrations.api.locality import is_local
from error_manager.integrations.api.parameters import Cursor, Limit, Projects, Services
from error_manager.monitoring import metrics
from error_manager.security.auth import bearer
from error_manager.storage.base import Page, ReportRow

_MEDIA_TYPES = {
    "json": "application/json",
    "html": "text/html",
    "csv": "text/csv",
}


@get("/outcomes", summary="Read the ledger", tags=["Ledger"])
async def read_outcomes(
    services: Services,
    project: Projects = None,
    category: Annotated[
        ItemCategory, QueryParameter(name="category", description="Kind of item; errors unless asked.")
    ] = ItemCategory.ERROR,
    since: Annotated[
        datetime | None,
        QueryParameter(name="from", description="Items received from this hour on (RFC 3339)."),
    ] = None,
    until: Annotated[
        datetime | None, QueryParameter(name="to", description="Items received before this hour.")
    ] = None,
) -> dict[str, Any]:
    """Return how many items were received, wait, and how the others ended; `unexplained` is 0."""
    ledger = await monitoring.ledger(
        services,
        project_ids=parameters.project_ids(project),
        category=category,
        since=parameters.moment(since),
        until=parameters.moment(until),
    )
    return {
        "received": ledger.received,
        "waiting": ledger.waiting,
        "unexplained": ledger.unexplained,
        "outcomes": {kind.value: count for kind, count in ledger.outcomes.items()},
        "reasons": [
            {
                "project_id": count.project_id,
                "outcome": count.outcome.value,
                "reason": count.reason,
                "quantity": count.quantity,
            }
            for count in ledger.reasons
        ],
    }


@get("/status", summary="Read the status of the installation", tags=["Status"])
async def read_status(services: Services) -> Response[dict[str, Any]]:
    """Return processes, disks, inbox, database and the ledger; less of it while the database is away."""
    view = await monitoring.status_view(services)
    body: dict[str, Any] = msgspec.to_builtins(view)
    if view.ledger is not None:
        body["ledger"]["unexplained"] = view.ledger.unexplained
        del body["ledger"]["reasons"]
    body["status"] = "ok" if view.ledger is not None and view.ledger.unexplained == 0 else "degraded"
    return Response(body)


@get("/reports", summary="List reports", tags=["Reports"])
async def list_reports(
    services: Services, project: Projects = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[ReportRow]:
    """Return reports, newest first."""
    return await services.queries.reports(
        project_ids=parameters.project_ids(project), limit=limit, cursor=cursor
    )


@get("/reports/{number:int}/{file_format:str}", summary="Download a report", tags=["Reports"])
async def read_report(
    services: Services,
    number: Annotated[int, PathParameter(description="The `id` of the report.")],
    file_format: Annotated[str, PathParameter(description="`json`, `html` or `csv`.")],
) -> Response[bytes]:
    """Return the file of a report: json, html or csv."""
    if not 0 < number <= parameters.MAX_ID or file_format not in _MEDIA_TYPES:
        raise NotFoundError
    row, content = await monitoring.report(services, number, file_format)
    return Response(
        content,
        media_type=_MEDIA_TYPES[file_format],
        headers={"Content-Disposition": f'attachment; filename="report-{row.id}.{file_format}"'},
    )


@get("/metrics", opt={"is_public": True}, include_in_schema=False)
async def read_metrics(services: Services, request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the metrics of the installation, for a caller on this machine or with an API key."""
    if not is_local(request):
        key = bearer(request.headers.get("authorization", ""))
        if not key:
            raise AuthenticationError
        await access.caller_of_key(services.access, key, now=services.clock())
    try:
        ledger = await monitoring.ledger(services)
        runs = await services.findings.latest_runs()
    except StorageError:
        ledger, runs = None, ()
    more = (PROCESS_COLLECTOR, metrics.AnalysisCollector(runs))
    return Response(metrics.render(ledger, more=more), media_type=metrics.CONTENT_TYPE)


router = Router(path="/", route_handlers=[read_outcomes, read_status, list_reports, read_report])
