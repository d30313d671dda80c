"""Registers reports in PostgreSQL (seed box: Report Files)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from psycopg.types.json import Jsonb

from error_manager.storage.base import ReportRow
from error_manager.storage.postgres import named
from error_manager.storage.postgres.reader import Reader

_SQL: Final = named.load("reports.sql")


class PostgresReports(Reader):
    """``ReportStore`` over a pool of autocommit connections."""

    async def add_report(self, row: ReportRow, *, since: datetime, until: datetime) -> ReportRow:
        """Register a report and return it with its id."""
        metadata = {"since": since.isoformat(), "until": until.isoformat(), "formats": list(row.formats)}
        ((report_id,),) = await self._rows(
            _SQL["add_report"],
            project_id=row.project_id,
            report_type=row.report_type,
            generated_at=row.generated_at,
            total_errors=row.total_errors,
            unique_patterns=row.unique_patterns,
            file_path=row.file_path,
            status=row.status,
            metadata=Jsonb(metadata),
        )
        return replace(row, id=report_id)
