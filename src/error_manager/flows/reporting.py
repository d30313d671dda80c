"""From counts to files: the steps of the document's report flow (seed box: Report Generator)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from error_manager.core.types import PatternId, ProjectId
from error_manager.flows.insights import window_insights
from error_manager.flows.monitoring import ledger
from error_manager.flows.services import QueryServices, ReportServices
from error_manager.monitoring.dashboard import STEP, floor
from error_manager.monitoring.sentence import plain
from error_manager.reporting.export import to_csv, to_json
from error_manager.reporting.generator import InsightLine, Report, generate
from error_manager.reporting.templates import to_html
from error_manager.storage.base import (
    Bucket,
    HistoryPoint,
    PatternFilter,
    PatternOrder,
    PatternRow,
    ReportRow,
    Window,
)

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
    previous = await _patterns(query, since - (until - since), since, project_ids)
    patterns = await _patterns(query, since, until, project_ids)
    return generate(
        since=since,
        until=until,
        generated_at=query.clock(),
        projects=await _names(query, project_ids),
        patterns=patterns,
        previous_counts={pattern.id: pattern.count for pattern in previous},
        history=await _history(query, since, until, project_ids),
        ledger=await ledger(query, project_ids=project_ids, since=since, until=until),
        insights=await _insights(query, since, until, project_ids),
        risks=await _risks(query, [pattern.id for pattern in patterns]),
    )


async def _insights(
    svc: QueryServices, since: datetime, until: datetime, project_ids: tuple[ProjectId, ...]
) -> list[InsightLine]:
    found = await window_insights(svc, project_ids=project_ids, since=since, until=until)
    return [
        InsightLine(text=plain(one.sentence, clock="%b %d, %H:%M"), at=one.at, kind=one.kind.value)
        for one in found
    ]


async def _risks(svc: QueryServices, pattern_ids: Sequence[PatternId]) -> dict[PatternId, float]:
    known = await svc.findings.analysis(pattern_ids)
    return {number: one.risk for number, one in known.items() if one.risk is not None}


async def _history(
    svc: QueryServices, since: datetime, until: datetime, project_ids: tuple[ProjectId, ...]
) -> tuple[HistoryPoint, ...]:
    """Return errors by hour, by UTC day in a long range; the edge days count what is in the range."""

    async def counted(bucket: Bucket, start: datetime, end: datetime) -> tuple[HistoryPoint, ...]:
        window = Window(bucket=bucket, since=start, until=end)
        return await svc.queries.history(None, project_ids=project_ids, window=window)

    if until - since <= _HOURLY_UP_TO:
        return await counted(Bucket.HOUR, since, until)
    first, last = floor(since, Bucket.DAY), floor(until, Bucket.DAY)
    head: tuple[HistoryPoint, ...] = ()
    tail: tuple[HistoryPoint, ...] = ()
    if first < since:
        head = (_sum(first, await counted(Bucket.HOUR, since, first + STEP[Bucket.DAY])),)
        first += STEP[Bucket.DAY]
    if last < until:
        tail = (_sum(last, await counted(Bucket.HOUR, last, until)),)
    return (*head, *await counted(Bucket.DAY, first, last), *tail)


def _sum(start: datetime, points: Sequence[HistoryPoint]) -> HistoryPoint:
    return HistoryPoint(start=start, count=sum(point.count for point in points))


async def _patterns(
    svc: QueryServices, since: datetime, until: datetime, project_ids: tuple[ProjectId, ...]
) -> Sequence[PatternRow]:
    found: list[PatternRow] = []
    cursor: str | None = None
    trend = Window(bucket=Bucket.DAY, since=floor(since, Bucket.DAY), until=until)
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
