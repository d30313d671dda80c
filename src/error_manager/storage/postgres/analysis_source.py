"""The ``AnalysisSource`` of PostgreSQL (seed box: PostgreSQL Adapter).

Long columns come by COPY in its binary form, read as one array: 1.4 million hours take 0.1 s of our time that
way, and 6 s as rows of Python objects.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import numpy as np
import psycopg
from numpy.typing import NDArray

from error_manager.analysis.risk import effective_weight
from error_manager.core.types import PatternId, PatternStatus, ProjectId, Severity
from error_manager.storage.analysis_source import (
    AnalysedProject,
    CountRows,
    EventRows,
    PatternFact,
    Reach,
    ReleaseSeen,
    TagShare,
    newest_events,
)
from error_manager.storage.base import Cursor
from error_manager.storage.postgres import named
from error_manager.storage.postgres.connection import translate
from error_manager.storage.postgres.reader import Pool

_SQL: Final = named.load("analysis.sql")

# A row of COPY: the number of fields, then each after its length (PostgreSQL manual, COPY, file formats).
_HEADER_BYTES: Final = 19
_TRAILER_BYTES: Final = 2
_COUNT_ROW: Final = np.dtype(
    [
        ("n", ">i2"),
        ("l1", ">i4"),
        ("key", ">i4"),
        ("l2", ">i4"),
        ("time", ">i8"),
        ("l3", ">i4"),
        ("count", ">f8"),
    ]
)
_EVENT_ROW: Final = np.dtype([("n", ">i2"), ("l1", ">i4"), ("key", ">i4"), ("l2", ">i4"), ("time", ">f8")])


class PostgresAnalysisSource:
    """``AnalysisSource`` over a pool of autocommit connections without a limit of time."""

    def __init__(self, pool: Pool) -> None:
        """Keep the pool."""
        self._pool = pool

    async def projects(self) -> tuple[AnalysedProject, ...]:
        """Return all projects."""
        rows = await self._rows("read_projects")
        return tuple(AnalysedProject(id=ProjectId(number), organization_id=owner) for number, owner in rows)

    async def patterns(self, project_id: ProjectId, *, since: datetime) -> tuple[PatternFact, ...]:
        """Return the patterns that had an error since then, in order of their id."""
        return tuple(map(_fact, await self._rows("read_facts", project=project_id, since=since)))

    async def minutes(self, project_id: ProjectId, *, since: datetime, until: datetime) -> CountRows:
        """Return errors per pattern and minute."""
        return _counts(await self._copied("copy_minutes", project=project_id, since=since, until=until))

    async def severity_minutes(self, project_id: ProjectId, *, since: datetime, until: datetime) -> CountRows:
        """Return errors per rank of severity and minute."""
        rows = await self._rows("read_severities", project=project_id, since=since, until=until)
        return CountRows(
            keys=np.array([Severity(row[0]).rank for row in rows], dtype=np.int64),
            times_s=np.array([row[1] for row in rows], dtype=np.int64),
            counts=np.array([row[2] for row in rows], dtype=np.float64),
        )

    async def hours(self, project_id: ProjectId, *, since: datetime, until: datetime) -> CountRows:
        """Return errors per pattern and hour."""
        return _counts(await self._copied("copy_hours", project=project_id, since=since, until=until))

    async def events(
        self, project_id: ProjectId, *, since: datetime, until: datetime, newest: int
    ) -> EventRows:
        """Return when the errors of each pattern happened, read from the hours that hold the newest.

        Each group of a pattern is read by itself: without the hours, one of 5,000 groups was read 5,000 times
        ``newest``. What is read is ``newest`` and an hour more at most.
        """
        window = {"project": project_id, "since": since, "until": until, "newest": newest}
        hours = await self._rows("read_newest_hours", **window)
        content = await self._copied(
            "copy_events", **window, patterns=[row[0] for row in hours], starts=[row[1] for row in hours]
        )
        rows = _parsed(content, _EVENT_ROW)
        return newest_events(
            rows["key"].astype(np.int64),
            rows["time"].astype(np.float64),
            newest=newest,
            starts={number: start.timestamp() for number, start, is_cut in hours if is_cut},
        )

    async def spans(self, *, since: datetime) -> tuple[tuple[datetime, datetime], ...]:
        """Return the times in which errors were taken in, those that ended since then."""
        return tuple((start, end) for start, end in await self._rows("read_spans", since=since))

    async def first_span(self) -> datetime | None:
        """Return when errors were first taken in."""
        found: datetime | None = (await self._rows("read_first_span"))[0][0]
        return found

    async def regrouped(self, project_id: ProjectId, *, since: datetime) -> frozenset[PatternId]:
        """Return the patterns whose past may have changed since then."""
        rows = await self._rows("read_regrouped", project=project_id, since=since)
        return frozenset(PatternId(row[0]) for row in rows)

    async def reach(self, project_id: ProjectId, *, since: datetime) -> Mapping[PatternId, Reach]:
        """Return how many persons and hosts patterns have touched since that day."""
        users = dict(await self._rows("read_users", project=project_id, since=since))
        hosts = dict(await self._rows("read_hosts", project=project_id, since=since))
        return {
            PatternId(number): Reach(users=users.get(number, 0), hosts=hosts.get(number, 0))
            for number in users.keys() | hosts.keys()
        }

    async def users(self, project_id: ProjectId, *, since: datetime) -> int:
        """Return how many persons met an error of the project since that day."""
        return int((await self._rows("count_users", project=project_id, since=since))[0][0])

    async def tags(
        self, project_id: ProjectId, pattern_ids: Sequence[PatternId], *, since: datetime
    ) -> Mapping[PatternId, tuple[TagShare, ...]]:
        """Return the most frequent value of each tag of these patterns since that day."""
        rows = await self._rows("read_tags", project=project_id, patterns=list(pattern_ids), since=since)
        found: dict[PatternId, list[TagShare]] = {}
        for number, key, value, count, total, project_count, project_total in rows:
            share = TagShare(
                key=key,
                value=value,
                count=count,
                total=total,
                project_count=project_count,
                project_total=project_total,
            )
            found.setdefault(PatternId(number), []).append(share)
        return {number: tuple(shares) for number, shares in found.items()}

    async def releases(self, project_id: ProjectId, *, since: datetime) -> tuple[ReleaseSeen, ...]:
        """Return the releases that are no change yet (see the protocol)."""
        rows = await self._rows("read_releases", project=project_id, since=since)
        return tuple(
            ReleaseSeen(version=version, environment=environment, at=at) for environment, version, at in rows
        )

    async def cursors(self) -> Mapping[int, Cursor]:
        """Return up to where each slot of the inbox was processed."""
        return {slot: Cursor(seq=seq, row=row) for slot, seq, row in await self._rows("read_cursors")}

    async def waiting(self, *, since: datetime) -> Mapping[int, datetime | None]:
        """Return when the oldest record was received that waits in each slot."""
        return dict(await self._rows("read_waiting", since=since))

    # --- parts ---------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _cursor(self) -> AsyncIterator[psycopg.AsyncCursor[tuple[Any, ...]]]:
        try:
            async with self._pool.connection() as connection, connection.cursor() as cursor:
                yield cursor
        except psycopg.Error as error:
            raise translate(error) from error

    async def _rows(self, statement: str, /, **values: object) -> list[tuple[Any, ...]]:
        async with self._cursor() as cursor:
            await cursor.execute(_SQL[statement], values)
            return await cursor.fetchall()

    async def _copied(self, statement: str, /, **values: object) -> bytearray:
        content = bytearray()
        async with self._cursor() as cursor, cursor.copy(_SQL[statement], values) as copy:
            async for part in copy:
                content += part
        return content


def _parsed(content: bytearray, row: np.dtype[np.void]) -> NDArray[np.void]:
    """Return the rows of a binary COPY; none of the columns is ever NULL, so all have one length."""
    body = len(content) - _HEADER_BYTES - _TRAILER_BYTES
    return np.frombuffer(content, dtype=row, offset=_HEADER_BYTES, count=body // row.itemsize)


def _counts(content: bytearray) -> CountRows:
    rows = _parsed(content, _COUNT_ROW)
    return CountRows(
        keys=rows["key"].astype(np.int64),
        times_s=rows["time"].astype(np.int64),
        counts=rows["count"].astype(np.float64),
    )


def _fact(row: tuple[Any, ...]) -> PatternFact:
    number, title, message, culprit, module, error_code, severity, platform, status, *rest = row
    first_seen, last_seen, resolved_at, regressed_at, first_release, users, of_project, own = rest
    return PatternFact(
        id=PatternId(number),
        title=title,
        message=message,
        culprit=culprit,
        module=module,
        error_code=error_code,
        severity=Severity(severity),
        platform=platform,
        status=PatternStatus(status),
        first_seen=first_seen,
        last_seen=last_seen,
        resolved_at=resolved_at,
        regressed_at=regressed_at,
        first_release=first_release,
        users=users,
        weight=effective_weight(of_project, own),
    )
