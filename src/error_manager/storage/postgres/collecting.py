"""Notes when errors were taken in, and what of them still waits (seed box: PostgreSQL Adapter)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from psycopg import sql

from error_manager.storage.base import Cursor
from error_manager.storage.postgres.reader import Reader

_NOTE: Final = sql.SQL("""
WITH noted AS (
    INSERT INTO collection_spans AS s (slot, started_at, ended_at)
    VALUES (%(slot)s, %(started_at)s, %(ended_at)s)
    ON CONFLICT (slot, started_at) DO UPDATE SET ended_at = greatest(s.ended_at, excluded.ended_at)
)
SELECT 1
""")
_NOTE_WAITING: Final = sql.SQL("""
WITH noted AS (
    INSERT INTO inbox_waiting AS w (slot, told_at, since) VALUES (%(slot)s, %(told_at)s, %(since)s)
    ON CONFLICT (slot) DO UPDATE SET told_at = excluded.told_at, since = excluded.since
)
SELECT 1
""")
_CURSORS: Final = sql.SQL("SELECT slot, seq, row FROM inbox_cursors")


class PostgresSpans(Reader):
    """The spans of collection and what waits, over a pool of autocommit connections."""

    async def note(self, slot: int, started_at: datetime, ended_at: datetime) -> None:
        """Keep that a slot took errors in from then until then; told again, the span grows."""
        await self._rows(_NOTE, slot=slot, started_at=started_at, ended_at=ended_at)

    async def cursors(self) -> Mapping[int, Cursor]:
        """Return up to where each slot of the inbox was processed."""
        return {slot: Cursor(seq=seq, row=row) for slot, seq, row in await self._rows(_CURSORS)}

    async def note_waiting(self, slot: int, told_at: datetime, since: datetime | None) -> None:
        """Keep since when something waits in a slot, None = nothing does."""
        await self._rows(_NOTE_WAITING, slot=slot, told_at=told_at, since=since)
