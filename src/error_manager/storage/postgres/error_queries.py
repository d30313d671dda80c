"""Reads single errors: lists, one with its body, its neighbors (seed box: Error Tables)."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from error_manager.core.errors import NotFoundError, StorageError, ValidationError
from error_manager.core.stacktext import with_stack
from error_manager.core.types import (
    ErrorId,
    EventId,
    FieldError,
    PatternId,
    ProjectId,
    Severity,
)
from error_manager.decoding.native import decode_stored
from error_manager.storage.base import ErrorDetail, ErrorFilter, ErrorRow, Page, Placement
from error_manager.storage.compression import BodyCodec
from error_manager.storage.keyset import cursor_uuid, encode_cursor, time_cursor
from error_manager.storage.postgres import named
from error_manager.storage.postgres.group_edges import NEWEST, NEXT, PREVIOUS
from error_manager.storage.postgres.pattern_filter import narrow
from error_manager.storage.postgres.reader import ANY_TEXT, BEGINNING, END, Pool, Reader, some, text_query

_SQL: Final = named.load("reading.sql")
_COLUMNS: Final = _SQL["error_columns"]
_NEIGHBORS: Final = _SQL["read_neighbors"].format(previous=PREVIOUS, next=NEXT)
_LATEST: Final = _SQL["latest_error"].format(newest=NEWEST)
_FIELDS: Final = {
    "severity": "severities",
    "module": "modules",
    "code": "codes",
    "environment": "environments",
    "release": "releases",
}
_UUID_VERSION: Final = 7
_DETAIL: Final = 12  # what read_error says beyond the columns of a row


class ErrorQueries(Reader):
    """The part of ``QueryStore`` that is about errors."""

    def __init__(self, pool: Pool) -> None:
        """Keep the pool; dictionaries are loaded when a body needs one."""
        super().__init__(pool)
        self._codec = BodyCodec()

    async def list_errors(self, where: ErrorFilter, *, limit: int, cursor: str | None) -> Page[ErrorRow]:
        """Return errors, newest first.

        Raises:
            ValidationError: a field is named that errors cannot be filtered by.
        """
        after = time_cursor(cursor)
        query = text_query(where.text)
        statement = _SQL["list_errors" if where.pattern_id is None else "list_pattern_errors"].format(
            columns=_COLUMNS,
            filter=_SQL["error_filter"],
            text=_SQL["text_filter"].format(query=query[0]) if query else ANY_TEXT,
        )
        rows = await self._rows(
            statement,
            **_filter_values(where),
            **(query[1] if query else {}),
            projects=some(where.project_ids),
            pattern=where.pattern_id,
            since=where.since or BEGINNING,
            until=where.until or END,
            after=after[0] if after else None,
            after_id=cursor_uuid(after[1]) if after else None,
            limit=limit + 1,
        )
        items = tuple(_error(row) for row in rows[:limit])
        more = len(rows) > limit
        return Page(items=items, next=encode_cursor(items[-1].timestamp, items[-1].id) if more else None)

    async def error(self, reference: UUID, *, project_ids: tuple[ProjectId, ...] = ()) -> ErrorDetail:
        """Return the error with that id (ours or the client's) and its neighbors in the pattern."""
        row = await self._find(reference, project_ids)
        if row is None:
            message = f"There is no error {reference}. It may be older than the retention."
            raise NotFoundError(message)
        error = _error(row)
        created_at, version, dictionary, body, group, by, since, person, template = row[_DETAIL:]
        neighbors: dict[str, UUID] = dict(
            await self._rows(
                _NEIGHBORS,
                project=error.project_id,
                pattern=error.pattern_id,
                timestamp=error.timestamp,
                id=error.id,
            )
        )
        plain = await self._open(error.project_id, dictionary, bytes(body))
        return ErrorDetail(
            row=error,
            event=with_stack(decode_stored(plain)),
            created_at=created_at,
            fingerprint_version=version,
            placement=Placement(group=group, by=by, since=since, person=person, template=template),
            previous_id=ErrorId(neighbors["previous"]) if "previous" in neighbors else None,
            next_id=ErrorId(neighbors["next"]) if "next" in neighbors else None,
        )

    async def latest_error(
        self, pattern_id: PatternId, *, project_ids: tuple[ProjectId, ...] = ()
    ) -> ErrorId | None:
        """Return the newest error of a pattern, or None when retention has removed all."""
        rows = await self._rows(_LATEST, projects=some(project_ids), pattern=pattern_id)
        return ErrorId(rows[0][0]) if rows else None

    async def _find(self, reference: UUID, project_ids: tuple[ProjectId, ...]) -> tuple[Any, ...] | None:
        statement = _SQL["read_error"].format(columns=_COLUMNS)
        projects = some(project_ids)
        if reference.version == _UUID_VERSION:
            moment = _uuid_time(reference)
            rows = await self._rows(
                statement,
                projects=projects,
                id=reference,
                since=moment,
                until=moment + timedelta(milliseconds=1),
            )
            if rows:
                return rows[0]
        known = await self._rows(_SQL["find_event"], projects=projects, id=reference)
        if not known:
            return None
        error_id, timestamp = known[0]
        rows = await self._rows(
            statement,
            projects=projects,
            id=error_id,
            since=timestamp,
            until=timestamp + timedelta(microseconds=1),
        )
        return rows[0] if rows else None

    async def _open(self, project_id: ProjectId, dictionary_id: int, body: bytes) -> bytes:
        if not self._codec.knows(project_id, dictionary_id):
            rows = await self._rows(_SQL["read_dictionary"], project=project_id, id=dictionary_id)
            if not rows:
                message = f"Dictionary {dictionary_id} of project {project_id} is missing."
                raise StorageError(message)
            self._codec.register(project_id, dictionary_id, bytes(rows[0][0]))
        return self._codec.decompress(project_id, dictionary_id, body)


def _filter_values(where: ErrorFilter) -> dict[str, object]:
    wanted: dict[str, list[str]] = defaultdict(list)
    unwanted: dict[str, list[str]] = defaultdict(list)
    unknown = []
    for name, value, is_negated in where.fields:
        if name in _FIELDS:
            written = value.lower() if name == "severity" else value
            (unwanted if is_negated else wanted)[_FIELDS[name]].append(written)
        else:
            unknown.append(name.removeprefix("tag."))
    if unknown:
        known = ", ".join(_FIELDS)
        raise ValidationError(
            tuple(
                FieldError(
                    path="q",
                    message=f"errors cannot be searched by `{name}:`; use {known}, or search patterns",
                )
                for name in unknown
            )
        )
    for column, value in (
        ("modules", where.module),
        ("codes", where.error_code),
        ("environments", where.environment),
        ("releases", where.release),
    ):
        narrow(wanted, column, [value] if value else [])
    narrow(wanted, "severities", [severity.value for severity in where.severities])
    values: dict[str, object] = {}
    for column in _FIELDS.values():
        values[column] = wanted.get(column)
        values[f"not_{column}"] = unwanted.get(column)
    return values


def _uuid_time(reference: UUID) -> datetime:
    """Return the millisecond a UUIDv7 was built from.

    Source:
        RFC 9562, section 5.7: the first 48 bits are milliseconds since 1970.
    """
    milliseconds = min(reference.int >> 80, 253_000_000_000_000)  # the year 9987: what a forged id may say
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def _error(row: tuple[Any, ...]) -> ErrorRow:
    return ErrorRow(
        id=ErrorId(row[0]),
        event_id=EventId(row[1].hex),
        project_id=ProjectId(row[2]),
        pattern_id=PatternId(row[3]),
        timestamp=row[4],
        message=row[5],
        module=row[6],
        error_code=row[7],
        severity=Severity(row[8]),
        environment=row[9],
        release=row[10],
        occurrences=row[11],
    )
