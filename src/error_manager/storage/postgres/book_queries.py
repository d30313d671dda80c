"""Reads the books: ledger, reports, sizes (seed boxes: Metrics Collector, Report Files)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from error_manager.core.errors import NotFoundError
from error_manager.core.types import ItemCategory, OutcomeKind, ProjectId
from error_manager.storage.base import (
    Cursor,
    DatabaseFacts,
    LedgerBooks,
    OutcomeCount,
    Page,
    ReportRow,
    TableSize,
)
from error_manager.storage.keyset import cursor_number, encode_cursor, number_cursor
from error_manager.storage.postgres import named
from error_manager.storage.postgres.reader import BEGINNING, Reader, some

_SQL: Final = named.load("reading.sql")


class BookQueries(Reader):
    """The part of ``QueryStore`` that is about the ledger, reports and the database itself."""

    async def ledger_books(
        self,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        category: ItemCategory | None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> LedgerBooks:
        """Return cursors, finished received and outcomes in one snapshot."""
        rows = await self._rows(
            _SQL["read_books"],
            projects=some(project_ids),
            category=category.value if category else None,
            since=since,
            until=until,
        )
        cursors: dict[int, Cursor] = {}
        outcomes: list[OutcomeCount] = []
        received = 0
        for kind, number, item, outcome, reason, hour, quantity, row in rows:
            if kind == "cursor":
                cursors[number] = Cursor(seq=quantity, row=row)
            elif kind == "received":
                received = quantity
            else:
                outcomes.append(
                    OutcomeCount(
                        project_id=ProjectId(number),
                        category=ItemCategory(item),
                        hour=hour,
                        outcome=OutcomeKind(outcome),
                        reason=reason,
                        quantity=quantity,
                    )
                )
        return LedgerBooks(cursors=cursors, received=received, outcomes=tuple(outcomes))

    async def reports(
        self, *, project_ids: tuple[ProjectId, ...] = (), limit: int, cursor: str | None
    ) -> Page[ReportRow]:
        """Return reports, newest first."""
        after = number_cursor(cursor)
        rows = await self._rows(
            _SQL["list_reports"],
            projects=some(project_ids),
            after_id=cursor_number(after[1]) if after else None,
            limit=limit + 1,
        )
        items = tuple(_report(row) for row in rows[:limit])
        more = len(rows) > limit
        return Page(items=items, next=encode_cursor(items[-1].id, items[-1].id) if more else None)

    async def report(self, report_id: int) -> ReportRow:
        """Return one report."""
        rows = await self._rows(_SQL["read_report"], id=report_id)
        if not rows:
            message = f"There is no report {report_id}."
            raise NotFoundError(message)
        return _report(rows[0])

    async def facts(self) -> DatabaseFacts:
        """Return sizes, cursors and counts for the status page."""
        ((version, size, connections, letters, patterns),) = await self._rows(_SQL["read_facts"])
        tables = tuple(
            TableSize(name=name, rows=rows, size_bytes=size_bytes)
            for name, rows, size_bytes in await self._rows(_SQL["read_sizes"])
        )
        cursors = await self._rows(_SQL["read_cursors"])
        return DatabaseFacts(
            version=version,
            size_bytes=size,
            connections=connections,
            tables=tables,
            cursors={slot: Cursor(seq=seq, row=row) for slot, seq, row in cursors},
            dead_letters=letters,
            errors=next((table.rows for table in tables if table.name == "project_errors"), 0),
            patterns=patterns,
        )


def _report(row: tuple[Any, ...]) -> ReportRow:
    return ReportRow(
        id=row[0],
        project_id=row[1],
        report_type=row[2] or "",
        generated_at=row[3] or BEGINNING,
        total_errors=row[4] or 0,
        unique_patterns=row[5] or 0,
        status=row[6] or "",
        file_path=row[7] or "",
        formats=tuple(row[8]),
    )
