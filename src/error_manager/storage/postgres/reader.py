"""Runs reading statements on a pool and translates what goes wrong (seed box: PostgreSQL Adapter)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from error_manager.core.errors import ValidationError
from error_manager.core.search import split_terms, web_query
from error_manager.core.types import FieldError, ProjectId
from error_manager.storage.postgres.connection import translate

Pool = AsyncConnectionPool[psycopg.AsyncConnection[tuple[Any, ...]]]
Rows = list[tuple[Any, ...]]

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
END: Final = datetime(9999, 1, 1, tzinfo=UTC)
ANY_TEXT: Final = sql.SQL("true")
TOO_SLOW: Final = FieldError(
    path="q", message="this search took too long; add a time range, a project or a word to look for"
)


class Reader:
    """A pool of autocommit connections; each statement is its own snapshot."""

    def __init__(self, pool: Pool) -> None:
        """Keep the pool (``connection.pool(..., autocommit=True)``)."""
        self._pool = pool

    async def _rows(self, statement: sql.SQL | sql.Composed, **values: object) -> Rows:
        """Return all rows.

        Raises:
            StorageError: the database refused or is away.
            ValidationError: it took longer than a statement may; only searches can.
        """
        try:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(statement, values)
                return await cursor.fetchall()
        except psycopg.errors.QueryCanceled as error:
            raise ValidationError((TOO_SLOW,)) from error
        except psycopg.Error as error:
            raise translate(error) from error


def some(values: tuple[ProjectId, ...]) -> list[ProjectId] | None:
    """Return the ids as an array, None for "all"."""
    return list(values) or None


def text_query(text: str) -> tuple[sql.Composable, Mapping[str, object]] | None:
    """Return the tsquery of a search and its values, or None when there is no word to look for.

    Negated words alone look for everything without them.
    """
    terms = split_terms(text)
    values = {"wanted": web_query(terms.wanted), "unwanted": web_query(terms.unwanted, any_of=True)}
    wanted = sql.SQL("websearch_to_tsquery('simple', %(wanted)s)")
    unwanted = sql.SQL("!! websearch_to_tsquery('simple', %(unwanted)s)")
    if terms.wanted and terms.unwanted:
        return sql.SQL("({} && {})").format(wanted, unwanted), values
    if terms.wanted:
        return wanted, values
    return (unwanted, values) if terms.unwanted else None


def ceil_hour(moment: datetime) -> datetime:
    """Return the start of the next UTC hour, or the moment itself when it starts one."""
    floored = floor_hour(moment)
    return floored if floored == moment else floored + timedelta(hours=1)


def floor_hour(moment: datetime) -> datetime:
    """Return the start of the UTC hour."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def floor_day(moment: datetime) -> datetime:
    """Return the start of the UTC day."""
    return floor_hour(moment).replace(hour=0)


def edges(since: datetime | None, until: datetime | None) -> dict[str, datetime]:
    """Return a range as whole UTC days plus the hours before (head) and after them (tail).

    Open ends are whole days to the ends of time; minutes are widened to hours.
    """
    start = floor_hour(since) if since else BEGINNING
    end = ceil_hour(until) if until else END
    day_from = floor_day(start) if start == floor_day(start) else floor_day(start) + timedelta(days=1)
    day_to = floor_day(end)
    if day_from >= day_to:
        day_from = day_to = head_to = tail_from = end
    else:
        head_to, tail_from = day_from, day_to
    return {
        "head_from": start,
        "head_to": head_to,
        "day_from": day_from,
        "day_to": day_to,
        "tail_from": tail_from,
        "tail_to": end,
    }
