"""Reads patterns, their counts, histories and tags (seed boxes: Pattern Tables, Metrics Tables)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Final, LiteralString

from psycopg import sql

from error_manager.core.errors import NotFoundError, ValidationError
from error_manager.core.search import split_terms, web_query
from error_manager.core.types import PatternId, PatternStatus, ProjectId, Severity
from error_manager.storage.base import (
    Bucket,
    Collection,
    HistoryPoint,
    Page,
    PatternChangeRow,
    PatternFilter,
    PatternName,
    PatternOrder,
    PatternRow,
    TagSummary,
    UserCounts,
    ValueCount,
    Window,
)
from error_manager.storage.keyset import cursor_number, encode_cursor, number_cursor, time_cursor
from error_manager.storage.postgres import named
from error_manager.storage.postgres.group_users import GROUPS_WITH_USERS, USER_DAYS
from error_manager.storage.postgres.pattern_filter import PatternTerms, pattern_terms
from error_manager.storage.postgres.reader import (
    BEGINNING,
    END,
    Pool,
    Reader,
    edges,
    floor_day,
    some,
    text_query,
)
from error_manager.storage.rollup import MINUTES_KEPT

_SQL: Final = named.load("patterns.sql")
_COLUMNS: Final = _SQL["pattern_columns"]
_RELEASES: Final = _SQL["release_filter"]
_USERS: Final = _SQL["read_users"].format(groups=GROUPS_WITH_USERS, days=USER_DAYS)
_ROLLUPS: Final = {Bucket.HOUR: sql.Identifier("rollup_hour"), Bucket.DAY: sql.Identifier("rollup_day")}
_STEP: Final = {Bucket.HOUR: timedelta(hours=1), Bucket.DAY: timedelta(days=1)}
_COUNT: Final = 22  # place of the count in a row, behind the columns; the sort value follows
_MINUTES_KEPT: Final = MINUTES_KEPT - timedelta(days=1)
"""How far back the counts by minute surely reach: housekeeping drops whole days."""
_NO_RELEASES: Final = dict.fromkeys(("environments", "not_environments", "releases", "not_releases"))

_OFFERED_S: Final = 10.0
"""The filters' choices on every list cost 35 ms at 200k errors; ten seconds old they are as good."""
_MAX_OFFERED: Final = 1_000
_Offered = tuple[str, tuple[ProjectId, ...], int]

# Worst first; among equals the most recent. 4,102,444,800 = seconds until 2100.
_POSITIONS: Final[Mapping[PatternOrder, tuple[LiteralString, LiteralString]]] = {
    PatternOrder.LAST_SEEN: ("p.last_seen", "timestamptz"),
    PatternOrder.FIRST_SEEN: ("p.first_seen", "timestamptz"),
    PatternOrder.COUNT: ("p.frequency", "bigint"),
    PatternOrder.USERS: ("p.users", "bigint"),
    PatternOrder.SEVERITY: (
        "(p.severity_rank * 4102444800 + extract(epoch FROM p.last_seen)::bigint)",
        "bigint",
    ),
    PatternOrder.RISK: ("(round(coalesce(a.risk, -1) * 1000)::bigint)", "bigint"),
}


class PatternQueries(Reader):
    """The part of ``QueryStore`` that is about patterns."""

    def __init__(self, pool: Pool) -> None:
        """Keep the pool."""
        super().__init__(pool)
        self._offered: dict[_Offered, tuple[float, tuple[ValueCount, ...]]] = {}

    async def list_patterns(
        self, where: PatternFilter, *, order: PatternOrder, limit: int, cursor: str | None, trend: Window
    ) -> Page[PatternRow]:
        """Return patterns, worst or newest first, each with its counts over the buckets of ``trend``."""
        terms = pattern_terms(where)
        found, excluded, is_partial = await self._searched(where, terms)
        if found is not None and not found:
            return Page(items=(), is_partial=is_partial)
        is_ranged = bool(terms.needs_rollups or where.since or where.until)
        rows = await self._rows(
            _list_statement(order, is_ranged=is_ranged),
            **terms.values,
            **edges(where.since, where.until),
            **_after(order, cursor),
            since=where.since or BEGINNING,
            until=where.until or END,
            ids=found,
            not_ids=excluded or None,
            limit=limit + 1,
        )
        shown = rows[:limit]
        trends = await self._trends(shown, terms, trend)
        more = len(rows) > limit
        return Page(
            items=tuple(_pattern(row, trends[row[0]]) for row in shown),
            next=encode_cursor(shown[-1][_COUNT + 1], shown[-1][0]) if more else None,
            is_partial=is_partial,
        )

    async def pattern(self, pattern_id: PatternId, *, project_ids: tuple[ProjectId, ...] = ()) -> PatternRow:
        """Return one pattern, without trend; the one it was merged into when it was."""
        found = await self.patterns([pattern_id], project_ids=project_ids)
        if not found:
            message = f"There is no pattern {pattern_id}."
            raise NotFoundError(message)
        return found[pattern_id]

    async def patterns(
        self, pattern_ids: Sequence[PatternId], *, project_ids: tuple[ProjectId, ...] = ()
    ) -> dict[PatternId, PatternRow]:
        """Return patterns by the id that was asked for, without trend (see the protocol)."""
        if not pattern_ids:
            return {}
        rows = await self._rows(
            _SQL["read_patterns"].format(columns=_COLUMNS), projects=some(project_ids), ids=list(pattern_ids)
        )
        return {PatternId(row[_COUNT + 1]): _pattern(row) for row in rows}

    async def history(
        self,
        pattern_id: PatternId | None,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        window: Window,
        environment: str = "",
        release: str = "",
    ) -> tuple[HistoryPoint, ...]:
        """Return errors per bucket, oldest first, zeros included; pattern None = all patterns."""
        values = {
            **_NO_RELEASES,
            "environments": [environment] if environment else None,
            "releases": [release] if release else None,
            "projects": some(project_ids),
            "id": pattern_id,
            "since": window.since,
            "until": window.until,
        }
        is_of_all = pattern_id is None and not environment and not release
        if is_of_all and window.bucket is Bucket.HOUR and datetime.now(UTC) - window.since <= _MINUTES_KEPT:
            rows = await self._rows(_SQL["read_project_hours"], **values)
        else:
            statement = _SQL["read_history"].format(rollup=_ROLLUPS[window.bucket], releases=_RELEASES)
            rows = await self._rows(statement, **values)
        counts: dict[datetime, int] = dict(rows)
        return tuple(HistoryPoint(start=start, count=counts.get(start, 0)) for start in starts(window))

    async def collection(self, *, since: datetime) -> Collection:
        """Return when errors were taken in since then."""
        rows = await self._rows(_SQL["read_collection"], since=since)
        return Collection(
            first=rows[0][0], spans=tuple((start, end) for _, start, end in rows if start is not None)
        )

    async def tags(
        self,
        pattern_id: PatternId,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        values: int = 10,
    ) -> tuple[TagSummary, ...]:
        """Return the tags of a pattern with their top values, most frequent key first (whole UTC days)."""
        rows = await self._rows(
            _SQL["read_tags"],
            id=pattern_id,
            since=floor_day(since) if since else BEGINNING,
            until=until or END,
            values=values,
        )
        summaries: dict[str, tuple[int, int, list[ValueCount]]] = {}
        for key, total, different, value, count in rows:
            summaries.setdefault(key, (total, different, []))[2].append(ValueCount(value=value, count=count))
        return tuple(
            TagSummary(key=key, total=total, distinct=different, values=tuple(top))
            for key, (total, different, top) in summaries.items()
        )

    async def users(self, pattern_id: PatternId, *, since: datetime | None = None) -> UserCounts:
        """Return how many users a pattern hit, in all and by UTC day from a time on."""
        rows = await self._rows(_USERS, id=pattern_id, since=since or BEGINNING)
        days = tuple((day, count) for day, count in rows if day is not None)
        return UserCounts(total=next(count for day, count in rows if day is None), days=days)

    async def releases(
        self, pattern_id: PatternId | None, *, project_ids: tuple[ProjectId, ...] = (), limit: int = 50
    ) -> tuple[ValueCount, ...]:
        """Return the releases of a pattern (None = of the projects), most recently seen first."""
        return await self._values("release", "max(r.bucket)", pattern_id, project_ids, limit)

    async def environments(
        self, pattern_id: PatternId | None, *, project_ids: tuple[ProjectId, ...] = (), limit: int = 50
    ) -> tuple[ValueCount, ...]:
        """Return the environments of a pattern (None = of the projects), most frequent first."""
        return await self._values("environment", "sum(r.count)", pattern_id, project_ids, limit)

    async def changes(self, pattern_id: PatternId, *, limit: int = 20) -> tuple[PatternChangeRow, ...]:
        """Return what was done to a pattern, newest first."""
        rows = await self._rows(_SQL["read_changes"], id=pattern_id, limit=limit)
        return tuple(
            PatternChangeRow(
                id=number,
                at=at,
                action=action,
                person=who,
                others=tuple(PatternName(id=PatternId(o["id"]), title=o["title"]) for o in others),
                undone=undone,
                is_template=is_template,
                note=note,
                release=release,
                weight=weight,
            )
            for number, at, action, who, others, undone, is_template, note, release, weight in rows
        )

    # --- parts ---------------------------------------------------------------------------------------------

    async def _searched(
        self, where: PatternFilter, terms: PatternTerms
    ) -> tuple[list[int] | None, list[int], bool]:
        """Return (ids that match or None for all, ids not to show, whether the search was cut short)."""
        found: set[int] | None = None
        excluded: set[int] = set()
        for tag in terms.tags:
            ids = await self._ids(
                "find_tag",
                where,
                key=tag.key,
                value=tag.value,
                since=floor_day(where.since) if where.since else BEGINNING,
                until=where.until or END,
            )
            if tag.is_negated:
                excluded |= ids
            else:
                found = ids if found is None else found & ids
        words = split_terms(where.text)
        is_partial = False
        if words.unwanted:
            excluded |= await self._ids(
                "search_patterns",
                where,
                query=web_query(words.unwanted, any_of=True),
                needles=list(words.unwanted),
                any_of=True,
            )
        if words.wanted:
            ids = await self._ids(
                "search_patterns",
                where,
                query=web_query(words.wanted),
                needles=list(words.wanted),
                any_of=False,
            )
            try:
                ids |= await self._inside(where, sorted(ids))
            except ValidationError:  # too slow: what was found so far is shown
                is_partial = True
            found = ids if found is None else found & ids
        return (None if found is None else sorted(found)), sorted(excluded), is_partial

    async def _inside(self, where: PatternFilter, found: Sequence[int]) -> set[int]:
        query = text_query(where.text)
        if query is None:
            return set()
        rows = await self._rows(
            _SQL["search_inside_errors"].format(query=query[0]),
            **query[1],
            projects=some(where.project_ids),
            since=where.since or BEGINNING,
            until=where.until or END,
            found=list(found),
        )
        return {row[0] for row in rows}

    async def _ids(self, name: str, where: PatternFilter, **values: object) -> set[int]:
        rows = await self._rows(_SQL[name], projects=some(where.project_ids), **values)
        return {row[0] for row in rows}

    async def _trends(
        self, rows: Sequence[tuple[Any, ...]], terms: PatternTerms, trend: Window
    ) -> dict[int, tuple[int, ...]]:
        if not rows:
            return {}
        counted = await self._rows(
            _SQL["read_trends"].format(rollup=_ROLLUPS[trend.bucket], releases=_RELEASES),
            **terms.values,
            row_projects=[row[1] for row in rows],
            row_ids=[row[0] for row in rows],
            trend_since=trend.since,
            trend_until=trend.until,
        )
        counts = {(pattern, start): count for pattern, start, count in counted}
        steps = starts(trend)
        return {row[0]: tuple(counts.get((row[0], start), 0) for start in steps) for row in rows}

    async def _values(
        self,
        column: str,
        position: LiteralString,
        pattern_id: PatternId | None,
        project_ids: tuple[ProjectId, ...],
        limit: int,
    ) -> tuple[ValueCount, ...]:
        """Return values with their counts; those of whole projects may be some seconds old."""
        key = (column, project_ids, limit)
        if pattern_id is None and key in self._offered and monotonic() < self._offered[key][0]:
            return self._offered[key][1]
        name = "read_values" if pattern_id is not None else "read_project_values"
        statement = _SQL[name].format(column=sql.Identifier(column), position=sql.SQL(position))
        rows = await self._rows(
            statement, id=pattern_id, projects=some(project_ids), limit=limit, since=BEGINNING
        )
        found = tuple(
            ValueCount(value=value, count=count, first_seen=first, last_seen=last)
            for value, count, first, last in rows
        )
        if pattern_id is None:
            if len(self._offered) >= _MAX_OFFERED:
                self._offered.clear()
            self._offered[key] = (monotonic() + _OFFERED_S, found)
        return found


def starts(window: Window) -> tuple[datetime, ...]:
    """Return the start of each bucket of a window, oldest first."""
    count = -((window.since - window.until) // _STEP[window.bucket])
    return tuple(window.since + number * _STEP[window.bucket] for number in range(max(0, count)))


def _list_statement(order: PatternOrder, *, is_ranged: bool) -> sql.Composed:
    position, kind = _POSITIONS[order]
    if is_ranged and order is PatternOrder.COUNT:
        position = "c.count"
    return _SQL["list_patterns_in_range" if is_ranged else "list_patterns"].format(
        columns=_COLUMNS,
        filter=_SQL["pattern_filter"],
        releases=_RELEASES,
        position=sql.SQL(position),
        after=sql.SQL(f"%(after)s::{kind}"),
    )


def _after(order: PatternOrder, cursor: str | None) -> dict[str, object]:
    by_time = order in {PatternOrder.LAST_SEEN, PatternOrder.FIRST_SEEN}
    after = time_cursor(cursor) if by_time else number_cursor(cursor)
    if after is None:
        return {"after": None, "after_id": None}
    return {"after": str(after[0]), "after_id": cursor_number(after[1])}


def _pattern(row: tuple[Any, ...], trend: tuple[int, ...] = ()) -> PatternRow:
    return PatternRow(
        id=PatternId(row[0]),
        project_id=ProjectId(row[1]),
        pattern_hash=row[2],
        title=row[3],
        message=row[4],
        culprit=row[5],
        module=row[6],
        error_code=row[7],
        severity=Severity(row[8]),
        status=PatternStatus(row[9]),
        users=row[10],
        first_seen=row[11],
        last_seen=row[12],
        platform=row[13],
        is_regression=row[14],
        ignore_until=row[15],
        first_release=row[16],
        last_release=row[17],
        weight=row[18],
        state=row[19],
        state_since=row[20],
        risk=row[21],
        count=row[_COUNT],
        trend=trend,
    )
