"""From the store to the eyes: what pages and API read, step by step (seed box: Real-time Monitoring Flow)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from error_manager.analysis.parameters import Parameter, parameters
from error_manager.core.errors import (
    InboxCorruptError,
    NotFoundError,
    StorageError,
    StorageUnavailableError,
    ValidationError,
)
from error_manager.core.limits import MAX_LABEL_CHARS, MAX_MESSAGE_CHARS, MAX_NOTE_CHARS
from error_manager.core.search import parse_search
from error_manager.core.types import ItemCategory, PatternId, PatternStatus, ProjectId
from error_manager.core.validator import too_long
from error_manager.core.value_mask import WILDCARD, mask_values
from error_manager.flows import regrouping
from error_manager.flows.services import QueryServices
from error_manager.monitoring.dashboard import (
    ConnectView,
    MergeView,
    PatternsView,
    PatternView,
    SlotFacts,
    StatusLine,
    StatusView,
    balance,
    dsn,
    refusals,
    status_line,
    window,
)
from error_manager.monitoring.why import unlike
from error_manager.storage.base import (
    Cursor,
    DatabaseFacts,
    ErrorDetail,
    ErrorFilter,
    ErrorRow,
    Ledger,
    LedgerBooks,
    Page,
    PatternFilter,
    PatternOrder,
    PatternRow,
    Project,
    ReceivedCount,
    ReportRow,
)

MAX_PAGE: Final = 500
"""Most rows of one page of a list."""
PARAMETER_MESSAGES: Final = 200
"""Messages that the values of variable parts are read of: the newest of the pattern."""
_LEDGER_TRIES: Final = 5
_OFFERED: Final = 12
"""Patterns that are offered to be merged; a search offers others."""
_SEARCHED: Final = 100


# --- patterns ----------------------------------------------------------------------------------------------


async def list_patterns(
    svc: QueryServices,
    where: PatternFilter,
    *,
    search: str = "",
    order: PatternOrder = PatternOrder.LAST_SEEN,
    limit: int = 50,
    cursor: str | None = None,
) -> Page[PatternRow]:
    """Return one page of patterns; ``search`` is what the person typed, added to ``where``."""
    return await svc.queries.list_patterns(
        searched(where, search),
        order=order,
        limit=min(limit, MAX_PAGE),
        cursor=cursor,
        trend=window(where.since, where.until, now=svc.clock()),
    )


async def patterns_view(
    svc: QueryServices,
    where: PatternFilter,
    *,
    search: str = "",
    order: PatternOrder = PatternOrder.LAST_SEEN,
    limit: int = 50,
    cursor: str | None = None,
) -> PatternsView:
    """Return the list of patterns with what its filters offer."""
    page, projects, environments, releases = await asyncio.gather(
        list_patterns(svc, where, search=search, order=order, limit=limit, cursor=cursor),
        svc.access.projects(),
        svc.queries.environments(None, project_ids=where.project_ids),
        svc.queries.releases(None, project_ids=where.project_ids),
    )
    return PatternsView(
        page=page, where=where, order=order, projects=projects, environments=environments, releases=releases
    )


async def pattern_view(
    svc: QueryServices, pattern_id: PatternId, *, error: UUID | None = None, days: int | None = None
) -> PatternView:
    """Return all that the page of a pattern shows; ``error`` picks one of its errors, otherwise the newest.

    The pattern is the one that has the error now, which is another one after merges and splits.

    Raises:
        NotFoundError: no such pattern, or no such error in its project.
    """
    pattern = await svc.queries.pattern(pattern_id)
    detail = await _shown_error(svc, pattern, error)
    if detail is not None and detail.row.pattern_id != pattern.id:
        pattern = await svc.queries.pattern(detail.row.pattern_id)
    now = svc.clock()
    shown = window(now - timedelta(days=days) if days else None, now, now=now)
    projects = (pattern.project_id,)
    project, history, users, (groups, nearest) = await asyncio.gather(
        find_project(svc, pattern.project_id),
        svc.queries.history(pattern.id, project_ids=projects, window=shown),
        svc.queries.users(pattern.id, since=shown.since),
        regrouping.explain(svc, pattern.id),
    )
    tags, releases, environments, changes, found = await asyncio.gather(
        svc.queries.tags(pattern.id),
        svc.queries.releases(pattern.id, project_ids=projects),
        svc.queries.environments(pattern.id, project_ids=projects),
        svc.queries.changes(pattern.id),
        _parameters(svc, pattern, detail),
    )
    return PatternView(
        pattern=pattern,
        project=project,
        error=detail,
        history=history,
        window=shown,
        tags=tags,
        releases=releases,
        environments=environments,
        users=users,
        changes=changes,
        groups=groups,
        nearest=nearest,
        parameters=found,
    )


async def pattern_parameters(svc: QueryServices, pattern_id: PatternId) -> tuple[Parameter, ...]:
    """Return the variable parts of a pattern's messages, as the newest of its errors filled them in."""
    pattern = await svc.queries.pattern(pattern_id)
    return await _parameters(svc, pattern, await _shown_error(svc, pattern, None))


async def _parameters(
    svc: QueryServices, pattern: PatternRow, shown: ErrorDetail | None
) -> tuple[Parameter, ...]:
    if shown is None:
        return ()
    template = shown.placement.template or mask_values(shown.row.message[:MAX_MESSAGE_CHARS])
    if WILDCARD not in template:
        return ()
    where = ErrorFilter(project_ids=(pattern.project_id,), pattern_id=pattern.id)
    newest = await svc.queries.list_errors(where, limit=PARAMETER_MESSAGES, cursor=None)
    return parameters(template, (row.message for row in newest.items))


async def merge_view(svc: QueryServices, pattern_id: PatternId, *, search: str) -> MergeView:
    """Return what may be merged with a pattern: what a search finds, most alike first."""
    pattern = await svc.queries.pattern(pattern_id)
    project = await find_project(svc, pattern.project_id)
    alike = await regrouping.alike(svc, pattern.id, limit=MAX_PAGE)
    if search:
        where = PatternFilter(project_ids=(pattern.project_id,))
        page = await list_patterns(svc, where, search=search, order=PatternOrder.COUNT, limit=_SEARCHED)
        known = {item.id: item for item in alike}
        found = (known.get(row.id) or unlike(row) for row in page.items if row.id != pattern.id)
        alike = tuple(sorted(found, key=lambda item: -item.likeness))
    return MergeView(project=project, pattern=pattern, alike=alike[:_OFFERED])


async def _shown_error(svc: QueryServices, pattern: PatternRow, error: UUID | None) -> ErrorDetail | None:
    reference = error or await svc.queries.latest_error(pattern.id, project_ids=(pattern.project_id,))
    if reference is None:
        return None
    return await svc.queries.error(reference, project_ids=(pattern.project_id,))


async def resolve(
    svc: QueryServices, pattern_id: PatternId, *, person_id: int | None, note: str = "", release: str = ""
) -> PatternRow:
    """Mark a pattern resolved: the next error of it reopens it.

    ``note`` says how, ``release`` which version brings the fix; who meets a similar pattern reads both.

    Raises:
        ValidationError: one of them is too long.
    """
    if wrong := too_long(("note", note, MAX_NOTE_CHARS), ("release", release, MAX_LABEL_CHARS)):
        raise ValidationError(wrong)
    return await _change(
        svc, pattern_id, PatternStatus.RESOLVED, person_id=person_id, note=note, release=release
    )


async def ignore(
    svc: QueryServices, pattern_id: PatternId, *, until: datetime | None, person_id: int | None
) -> PatternRow:
    """Mark a pattern ignored until a time; None = for ever."""
    return await _change(svc, pattern_id, PatternStatus.IGNORED, person_id=person_id, until=until)


async def reopen(svc: QueryServices, pattern_id: PatternId, *, person_id: int | None) -> PatternRow:
    """Mark a pattern unresolved."""
    return await _change(svc, pattern_id, PatternStatus.UNRESOLVED, person_id=person_id)


async def undo(svc: QueryServices, pattern_id: PatternId, *, person_id: int | None) -> PatternRow:
    """Take back the last change of a pattern: of its status or weight, a merge or a split.

    Raises:
        NotFoundError: there is nothing to undo.
        ConflictError: a later merge or split stands in the way.
    """
    pattern = await svc.queries.undo(pattern_id, person_id=person_id, now=svc.clock())
    await svc.findings.reweigh(pattern.project_id, pattern.id)
    return pattern


async def _change(
    svc: QueryServices,
    pattern_id: PatternId,
    status: PatternStatus,
    *,
    person_id: int | None,
    until: datetime | None = None,
    note: str = "",
    release: str = "",
) -> PatternRow:
    return await svc.queries.change_status(
        pattern_id,
        status,
        ignore_until=until,
        person_id=person_id,
        now=svc.clock(),
        note=note,
        release=release,
    )


def searched(where: PatternFilter, search: str) -> PatternFilter:
    """Return the filter with a typed search added."""
    parsed = parse_search(search)
    return replace(
        where,
        text=" ".join(part for part in (where.text, parsed.text) if part),
        fields=(*where.fields, *parsed.fields),
    )


# --- errors ------------------------------------------------------------------------------------------------


async def list_errors(
    svc: QueryServices, where: ErrorFilter, *, search: str = "", limit: int = 50, cursor: str | None = None
) -> Page[ErrorRow]:
    """Return one page of errors, newest first; ``search`` is what the person typed."""
    parsed = parse_search(search)
    narrowed = replace(where, text=parsed.text or where.text, fields=(*where.fields, *parsed.fields))
    return await svc.queries.list_errors(narrowed, limit=min(limit, MAX_PAGE), cursor=cursor)


async def error(svc: QueryServices, reference: UUID) -> ErrorDetail:
    """Return one error by our id or the client's."""
    return await svc.queries.error(reference)


async def report(svc: QueryServices, report_id: int, file_format: str) -> tuple[ReportRow, bytes]:
    """Return a report and the bytes of one of its files (json, html, csv).

    Raises:
        NotFoundError: no such report, or it has no such file.
    """
    row = await svc.queries.report(report_id)
    if file_format not in row.formats:
        raise NotFoundError
    try:
        return row, await asyncio.to_thread(svc.read_file, f"{row.file_path}/report.{file_format}")
    except OSError as failure:
        message = "The file of this report is gone. Make it again with: error-manager report"
        raise NotFoundError(message) from failure


# --- the ledger --------------------------------------------------------------------------------------------


async def ledger(
    svc: QueryServices,
    *,
    project_ids: tuple[ProjectId, ...] = (),
    category: ItemCategory | None = ItemCategory.ERROR,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Ledger:
    """Return the books of some projects (empty = all) and one category (None = all).

    PostgreSQL is read in one snapshot; then each slot of the inbox from the snapshot's cursor on. A segment
    can only vanish behind a newer cursor, so when one does, a new snapshot is taken.

    Raises:
        StorageUnavailableError: the database is away, or the inbox could not be read five times in a row.
    """
    for _ in range(_LEDGER_TRIES):
        books = await svc.queries.ledger_books(
            project_ids=project_ids, category=category, since=since, until=until
        )
        try:
            live = await asyncio.to_thread(_live, svc, books)
        except InboxCorruptError:
            continue
        arrived, waiting = (_total(c, project_ids, category, since, until) for c in live)
        return balance(received=books.received + arrived, waiting=waiting, outcomes=books.outcomes)
    message = "The inbox could not be read."
    raise StorageUnavailableError(message)


def _live(svc: QueryServices, books: LedgerBooks) -> tuple[list[ReceivedCount], list[ReceivedCount]]:
    arrived: list[ReceivedCount] = []
    waiting: list[ReceivedCount] = []
    for slot in svc.inbox.slots():
        more_arrived, more_waiting = svc.inbox.received(slot, books.cursors.get(slot, Cursor()))
        arrived.extend(more_arrived)
        waiting.extend(more_waiting)
    return arrived, waiting


def _total(
    counts: Iterable[ReceivedCount],
    project_ids: tuple[ProjectId, ...],
    category: ItemCategory | None,
    since: datetime | None,
    until: datetime | None,
) -> int:
    return sum(
        count.quantity
        for count in counts
        if (not project_ids or count.project_id in project_ids)
        and (category is None or count.category is category)
        and (since is None or count.hour >= since)
        and (until is None or count.hour < until)
    )


async def foot_line(svc: QueryServices, *, project_ids: tuple[ProjectId, ...] = ()) -> StatusLine:
    """Return received / stored / duplicates / refused / waiting of all time."""
    return status_line(await ledger(svc, project_ids=project_ids))


# --- connect and status ------------------------------------------------------------------------------------


async def find_project(svc: QueryServices, project_id: ProjectId) -> Project:
    """Return one project.

    Raises:
        NotFoundError: there is none of that id.
    """
    for project in await svc.access.projects():
        if project.id == project_id:
            return project
    raise NotFoundError


async def connect_view(svc: QueryServices, project_id: ProjectId) -> ConnectView:
    """Return how to connect to a project and whether something arrived."""
    projects, keys, newest, books = await asyncio.gather(
        svc.access.projects(),
        svc.access.ingest_keys(project_id),
        svc.queries.list_errors(ErrorFilter(project_ids=(project_id,)), limit=1, cursor=None),
        ledger(svc, project_ids=(project_id,), category=None),
    )
    project = next((p for p in projects if p.id == project_id), None)
    if project is None:
        raise NotFoundError
    key = next((k for k in keys if k.is_active), None)
    return ConnectView(
        project=project,
        projects=projects,
        key=key,
        url=svc.url,
        dsn=dsn(svc.url, key.key, project_id) if key else "",
        first_error=newest.items[0] if newest.items else None,
        received=books.received,
        refusals=refusals(books.reasons),
    )


async def status_view(svc: QueryServices) -> StatusView:
    """Return processes, queues, disks and the ledger; less of it while PostgreSQL is away."""
    host = await asyncio.to_thread(svc.host)
    try:
        facts, errors, everything, runs = await asyncio.gather(
            svc.queries.facts(), ledger(svc), ledger(svc, category=None), svc.findings.latest_runs()
        )
        slots = await asyncio.to_thread(_slots, svc, facts)
    except (StorageError, InboxCorruptError):
        return StatusView(
            ledger=None, others={}, slots=(), database=None, host=host, version=svc.version, now=svc.clock()
        )
    others = Counter[ItemCategory]()
    for count in everything.reasons:
        if count.category is not ItemCategory.ERROR:
            others[count.category] += count.quantity
    return StatusView(
        ledger=errors,
        others=dict(others),
        slots=slots,
        database=facts,
        host=host,
        version=svc.version,
        now=svc.clock(),
        runs=runs,
    )


def _slots(svc: QueryServices, facts: DatabaseFacts) -> tuple[SlotFacts, ...]:
    found = []
    for slot in svc.inbox.slots():
        cursor = facts.cursors.get(slot, Cursor())
        _, waiting = svc.inbox.received(slot, cursor)
        found.append(
            SlotFacts(slot=slot, seq=cursor.seq, row=cursor.row, waiting=sum(c.quantity for c in waiting))
        )
    return tuple(found)
