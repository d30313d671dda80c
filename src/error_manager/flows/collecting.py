"""Tells when errors were taken in, so that other times count as missing, not as quiet (seed box: Aggregator).

Start at ``Collecting.run``. A serving process keeps in memory since when it takes errors in and writes that
whenever the database answers: while the database is away errors are still taken in, and that is told later.
What waits in its inbox is told as well, for an analysis that cannot look into it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import structlog

from error_manager.core.errors import InboxCorruptError, StorageError

EVERY_S: Final = 15.0
_AGAIN_S: Final = 1.0
_log = structlog.get_logger()

Note = Callable[[datetime, datetime], Awaitable[None]]
NoteWaiting = Callable[[datetime], Awaitable[None]]


class Collecting:
    """The span in which one serving process takes errors in without a break."""

    def __init__(
        self,
        note: Note,
        note_waiting: NoteWaiting,
        *,
        is_taking: Callable[[], bool],
        clock: Callable[[], datetime],
    ) -> None:
        """Keep who writes (start, end) of the span and, at a time, what waits.

        ``is_taking()`` says whether errors are taken in now, ``clock()`` the time (UTC).
        """
        self._note = note
        self._note_waiting = note_waiting
        self._is_taking = is_taking
        self._clock = clock
        self._started_at: datetime | None = None
        self._is_told = True

    async def run(self) -> None:
        """Tell the span every 15 seconds, until cancelled; after an absence of the database at once."""
        while True:
            await self.tell()
            await asyncio.sleep(EVERY_S if self._is_told else _AGAIN_S)

    async def tell(self) -> None:
        """Tell how far the span goes; it ends when errors are refused, and a new one begins afterwards.

        What waits is told in any case.
        """
        now = self._clock()
        self._started_at = (self._started_at or now) if self._is_taking() else None
        try:
            if self._started_at is not None:
                await self._note(self._started_at, now)
            await self._note_waiting(now)
        except (StorageError, InboxCorruptError) as error:
            if self._is_told:
                _log.warning("collection_not_noted", detail=str(error))
            self._is_told = False
        else:
            self._is_told = True
