"""Notes when errors were taken in (seed box: PostgreSQL Adapter)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from psycopg import sql

from error_manager.storage.postgres.reader import Reader

_NOTE: Final = sql.SQL("""
WITH noted AS (
    INSERT INTO collection_spans AS s (slot, started_at, ended_at)
    VALUES (%(slot)s, %(started_at)s, %(ended_at)s)
    ON CONFLICT (slot, started_at) DO UPDATE SET ended_at = greatest(s.ended_at, excluded.ended_at)
)
SELECT 1
""")


class PostgresSpans(Reader):
    """The spans of collection, over a pool of autocommit connections."""

    async def note(self, slot: int, started_at: datetime, ended_at: datetime) -> None:
        """Keep that a slot took errors in from then until then; told again, the span grows."""
        await self._rows(_NOTE, slot=slot, started_at=started_at, ended_at=ended_at)
