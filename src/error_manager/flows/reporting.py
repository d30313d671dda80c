"""From counts to files: the steps of the document's report flow (seed box: Report Generator)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from error_manager.core.types import ProjectId
from error_manager.flows.monitoring import ledger
from error_manager.flows.services import QueryServices, ReportServices
from error_manager.reporting.export import to_csv, to_json
from error_manager.reporting.generator import Report, generate
from error_manager.reporting.templates import to_html
from error_manager.storage.base import Bucket, PatternFilter, PatternOrder, PatternRow, ReportRow, Window

_PAGE: Final = 500
_HOURLY_UP_TO: Final = timedelta(days=3)
FORMATS: Final = ("json", "html", "csv")


async def make_report(
    svc: ReportServices,
    *,
    since: datetime,
    until: datetime,
    project_ids: tuple[ProjectId, ...] = (),
) -> tuple[ReportRow, Mapping[str, bytes]]:
    """Generate, render, export and register the report of a range; return its row and its files by format.

    Args:
        svc: the services.
        since: start of the range, inclusive, a full hour.
        until: end of the range, exclusive, a full hour.
        project_ids: the projects; empty = all.
    """
    report = await _report(svc, since, until, project_ids)
    files = {"json": to_json(report), "html": to_html(report), "csv": to_csv(report)}
    folder = f"reports/{report.generated_at:%Y%m%d-%H%M%S-%f}"
    for file_format, content in files.items():
        await asyncio.to_thread(svc.files.write, f"{folder}/report.{file_format}", content)
    row = ReportRow(
        id=0,
        project_id=project_ids[0] if len(project_ids) == 1 else None,
        report_type="range",
        generated_at=report.generated_at,
        total_errors=report.total,
        unique_patterns=report.patterns,
        status="done",
        file_path=folder,
        formats=FORMATS,
    )
    return await svc.reports.add_report(row, since=since, until=until), files


async def _report(
    svc: ReportServices, since: datetime, until: datetime, project_ids: tuple[ProjectId, ...]
) -> Report:
    query = svc.query
    window = Window(
        bucket=Bucket.HOUR if until - since <= _HOURLY_UP_TO else Bucket.DAY, since=since, until=until
    )
    previous = await _patterns(query, since - (until - since), since, project_ids)
    return generate(
        since=since,
        until=until,
        generated_at=query.clock(),
        projects=await _names(query, project_ids),
        patterns=await _patterns(query, since, until, project_ids),
        previous_counts={pattern.id: pattern.count for pattern in previous},
        history=await query.queries.history(None, project_ids=project_ids, window=window),
        ledger=await ledger(query, project_ids=project_ids, since=since, until=until),
    )


async def _patterns(
    svc: QueryServices, since: datetime, until: datetime, project_ids: tuple[ProjectId, ...]
) -> Sequence[PatternRow]:
    found: list[PatternRow] = []
    cursor: str | None = None
    trend = Window(bucket=Bucket.DAY, since=since, until=until)
    where = PatternFilter(project_ids=project_ids, since=since, until=until)
    while True:
        page = await svc.queries.list_patterns(
            where, order=PatternOrder.COUNT, limit=_PAGE, cursor=cursor, trend=trend
        )
        found.extend(page.items)
        cursor = page.next
        if cursor is None:
            return found


async def _names(svc: QueryServices, project_ids: tuple[ProjectId, ...]) -> list[str]:
    projects: Mapping[ProjectId, str] = {project.id: project.name for project in await svc.access.projects()}
    return [name for project, name in projects.items() if not project_ids or project in project_ids]
