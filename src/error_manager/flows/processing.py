"""From inbox to database: the path of one accepted error (seed box: Error Processing Flow).

Start at ``process_slot``: claim a batch of records from the inbox, prepare each (``prepare_error`` is the
document's sequence, line by line), store the batch with its outcomes and the inbox cursor in one
transaction, publish.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import msgspec
import structlog

from error_manager.core.cataloger import catalog
from error_manager.core.encoding import event_to_json
from error_manager.core.enricher import enrich
from error_manager.core.errors import PoisonBatchError, RequestError, ValidationError
from error_manager.core.fingerprint import TEMPLATE_PART
from error_manager.core.ids import new_event_id, uuid7
from error_manager.core.quick import evolve, maker
from error_manager.core.stacktext import with_stack
from error_manager.core.types import (
    ErrorEvent,
    ErrorId,
    EventId,
    ItemCategory,
    OutcomeKind,
    ProjectId,
)
from error_manager.core.validator import validate
from error_manager.decoding.json_text import decode_json
from error_manager.decoding.native import decode_native
from error_manager.decoding.sentry import decode_sentry
from error_manager.flows.services import ProcessServices
from error_manager.storage.base import (
    NO_SLOT,
    CommitResult,
    Cursor,
    DeadLetter,
    InboxBatch,
    InboxRecord,
    OutcomeCount,
    Project,
    ReceivedCount,
    RecordKind,
    SegmentTotals,
    StoreBatch,
    StoredError,
)

ATTEMPTS: Final = 3
"""How often an item that fails is tried before it becomes a dead letter."""
_stored_of: Final = maker(StoredError)
_KEY_BYTES: Final = 16
_NO_BULK: Final[Mapping[str, object]] = {
    "frames": (),
    "breadcrumbs": (),
    "request": None,
    "extra": {},
    "modules": {},
}
_log = structlog.get_logger()

Prepared = StoredError | OutcomeCount | DeadLetter


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRecord:
    """What became of one record, with the record itself in case the database refuses it."""

    row: int
    record: InboxRecord
    result: Prepared


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedBatch:
    """A batch with what became of each of its records."""

    batch: InboxBatch
    records: tuple[PreparedRecord, ...]
    is_careful: bool


async def process_slot(
    svc: ProcessServices,
    slot: int,
    cursor: Cursor,
    *,
    limit: int,
    batches: int = 1,
    is_stopping: Callable[[], bool] = lambda: False,
) -> Cursor | None:
    """Process up to ``batches`` batches of a slot; return the cursor behind them, or None if there are none.

    While one batch is being stored the next is prepared in a thread: processor and database work at once.

    Raises:
        StorageUnavailableError: the database is away; nothing moved, call again.
        StaleCursorError: another worker moved the cursor; read it again.
    """
    moved: Cursor | None = None
    ready = await take(svc, slot, cursor, limit=limit)
    while ready is not None:
        batches = 0 if ready.is_careful or is_stopping() else batches - 1
        coming = asyncio.ensure_future(take(svc, slot, ready.batch.end, limit=limit)) if batches else None
        try:
            result = await store(svc, ready.batch, ready.records)
        except BaseException:
            if coming is not None:
                await asyncio.gather(coming, return_exceptions=True)
            raise
        moved = ready.batch.end
        await svc.stream.publish(result)
        ready = await coming if coming is not None else None
    return moved


async def take(svc: ProcessServices, slot: int, cursor: Cursor, *, limit: int) -> PreparedBatch | None:
    """Claim the records behind a cursor and prepare them, or return None when there are none."""
    allowed = svc.in_flight.begin(slot, cursor, limit=limit)
    batch = await asyncio.to_thread(svc.inbox.claim, slot, cursor, limit=allowed.limit)
    if batch is None:
        return None
    await svc.projects.ensure({record.project_id for _, record in batch.records})
    await svc.templates.ensure()
    svc.in_flight.started(slot, batch, attempt=allowed.attempt)
    records = await asyncio.to_thread(prepare, svc, batch, is_killer=allowed.attempt > ATTEMPTS)
    svc.in_flight.finished(slot)
    return PreparedBatch(batch=batch, records=tuple(records), is_careful=allowed.is_careful)


def prepare(svc: ProcessServices, batch: InboxBatch, *, is_killer: bool) -> list[PreparedRecord]:
    """Return what becomes of each record of the batch.

    ``is_killer`` says that this one record has ended the process ``ATTEMPTS`` times: it is not touched again.
    """
    if is_killer:
        return [
            PreparedRecord(row=row, record=record, result=bury(svc, record, "killed_worker", ""))
            for row, record in batch.records
        ]
    return prepare_records(svc, batch.records)


def prepare_records(svc: ProcessServices, records: Iterable[tuple[int, InboxRecord]]) -> list[PreparedRecord]:
    """Return what becomes of each (row, record).

    Bodies are compressed one after the other at the end: while the dictionary stays in the processor's cache
    that takes 15 us instead of 35, between other steps.
    """
    results = [(row, record, prepare_record(svc, record)) for row, record in records]
    return [
        PreparedRecord(row=row, record=record, result=_compressed(svc, result))
        for row, record, result in results
    ]


def _compressed(svc: ProcessServices, result: Prepared) -> Prepared:
    if not isinstance(result, StoredError):
        return result
    svc.dictionaries.observe(result.project_id, result.body)
    dictionary_id, body = svc.codec.compress(result.project_id, result.body)
    return evolve(result, {"body": body, "dictionary_id": dictionary_id})


def prepare_record(svc: ProcessServices, record: InboxRecord) -> Prepared:
    """Return the error with its body not yet compressed, its outcome if it ends here, or a dead letter.

    A dead letter is what a step failed at ``ATTEMPTS`` times.
    """
    if record.outcome is not None:
        return _count(record, record.outcome, record.reason)
    detail = ""
    for _ in range(ATTEMPTS):
        try:
            return prepare_error(svc, record)
        except RequestError as error:
            return _count(record, OutcomeKind.INVALID, error.reason)
        except Exception as error:  # noqa: BLE001  # one bad item must not stop the others
            detail = f"{type(error).__name__}: {error}"[:500]
    _log.error("item_failed", reason="processing", detail=detail, project_id=record.project_id)
    return bury(svc, record, "processing", detail)


def prepare_error(svc: ProcessServices, record: InboxRecord) -> Prepared:
    """Take one record through the document's steps: decode, validate, enrich, mask, catalog, encode."""
    project = svc.projects.get(record.project_id)
    if project is None:
        return _count(record, OutcomeKind.INVALID, "project")
    decoded = _decode(svc, record)
    if isinstance(decoded, ItemCategory):
        return _count(record, OutcomeKind.FILTERED, "not_an_error", decoded)
    if wrong := validate(decoded):
        raise ValidationError(wrong)
    event = enrich(
        decoded,
        received_at=record.received_at,
        sent_at=record.sent_at,
        retention=svc.retention,
        client_ip=record.client_ip,
    )
    masked = svc.masker.mask_event(event)
    return _stored(
        svc,
        project,
        masked.event,
        received_at=record.received_at,
        user_key=_user_key(project, event),
        subject_keys=tuple(keyed(project, "subject", subject) for subject in masked.subjects),
    )


def _decode(svc: ProcessServices, record: InboxRecord) -> ErrorEvent | ItemCategory:
    event_id = record.event_id or new_event_id(svc.randomness(16))
    if record.kind is RecordKind.SENTRY_EVENT:
        return decode_sentry(record.body, received_at=record.received_at, event_id=event_id)
    return decode_native(decode_json(record.body), received_at=record.received_at, event_id=event_id)


def _stored(
    svc: ProcessServices,
    project: Project,
    event: ErrorEvent,
    *,
    received_at: datetime,
    user_key: bytes,
    subject_keys: tuple[bytes, ...],
) -> StoredError:
    template = svc.templates.match(project.id, event)
    entry = catalog(event, svc.projects.rules(project.id), template_id=template.id if template else None)
    return _stored_of(
        error_id=ErrorId(uuid7(event.timestamp, svc.randomness(10))),
        project_id=project.id,
        event=_without_bulk(with_stack(event)),
        entry=entry,
        created_at=received_at,
        body=msgspec.json.encode(event_to_json(event)),
        user_key=user_key,
        subject_keys=subject_keys,
        template=template if entry.fingerprint.parts[0].startswith(TEMPLATE_PART) else None,
    )


def _without_bulk(event: ErrorEvent) -> ErrorEvent:
    """Return the error without what only its body keeps: a batch of 500 holds 40 MB of frames otherwise."""
    bare = tuple([evolve(exception, {"frames": ()}) for exception in event.exceptions])
    return evolve(event, {"exceptions": bare, **_NO_BULK})


def keyed(project: Project, purpose: str, text: str) -> bytes:
    """Return the 16-byte HMAC-SHA256 of a text under the project's subject key (design, schema rules)."""
    digest = _keyed_hash(project.subject_key).copy()
    digest.update(f"{purpose}:{text}".encode("utf-8", "replace"))
    return digest.digest()[:_KEY_BYTES]


@lru_cache(maxsize=256)
def _keyed_hash(key: bytes) -> hmac.HMAC:
    """Return the hash before any text; ``hmac.digest`` would let other threads in each time, and wait."""
    return hmac.new(key, digestmod=hashlib.sha256)


def _user_key(project: Project, event: ErrorEvent) -> bytes:
    user = event.user
    if user is None:
        return b""
    who = user.id or user.email or user.username or user.ip_address
    return keyed(project, "user", who) if who else b""


# --- storing ------------------------------------------------------------------------------------------------


async def store(svc: ProcessServices, batch: InboxBatch, prepared: Sequence[PreparedRecord]) -> CommitResult:
    """Store the batch; when the database refuses its data, bisect to the item at fault and bury that one."""
    refusal = ""
    for _ in range(1 if len(prepared) > 1 else ATTEMPTS):
        try:
            return await svc.store.commit(_whole(svc, batch, prepared))
        except PoisonBatchError as error:
            refusal = str(error)
    if len(prepared) > 1:
        middle = len(prepared) // 2
        left, right = _split(batch, prepared[middle - 1].row)
        first = await store(svc, left, prepared[:middle])
        return _joined(first, await store(svc, right, prepared[middle:]))
    _log.error("item_refused", reason="database", detail=refusal[:500])
    poisoned = [_buried(svc, item, refusal) for item in prepared]
    return await svc.store.commit(_whole(svc, batch, poisoned))


def _whole(svc: ProcessServices, batch: InboxBatch, prepared: Sequence[PreparedRecord]) -> StoreBatch:
    results = [item.result for item in prepared]
    corrupt = [_corrupt_letter(svc, detail) for _, detail in batch.corrupt]
    return StoreBatch(
        slot=batch.slot,
        start=batch.start,
        end=batch.end,
        errors=tuple(result for result in results if isinstance(result, StoredError)),
        outcomes=tuple(result for result in results if isinstance(result, OutcomeCount)),
        dead_letters=(*(result for result in results if isinstance(result, DeadLetter)), *corrupt),
        finished=batch.finished,
    )


def _split(batch: InboxBatch, last_row: int) -> tuple[InboxBatch, InboxBatch]:
    """Cut a batch behind ``last_row``; what ends the segment stays with the second half."""
    middle = Cursor(seq=batch.start.seq, row=last_row)
    left = InboxBatch(slot=batch.slot, start=batch.start, end=middle, records=())
    right = InboxBatch(
        slot=batch.slot,
        start=middle,
        end=batch.end,
        records=(),
        corrupt=batch.corrupt,
        finished=batch.finished,
    )
    return left, right


def _joined(first: CommitResult, second: CommitResult) -> CommitResult:
    return CommitResult(
        accepted=first.accepted + second.accepted,
        duplicates=first.duplicates + second.duplicates,
        patterns=(*first.patterns, *second.patterns),
        first_errors=(*first.first_errors, *second.first_errors),
    )


def _buried(svc: ProcessServices, item: PreparedRecord, refusal: str) -> PreparedRecord:
    if isinstance(item.result, OutcomeCount):
        return item
    letter = bury(svc, item.record, "database", refusal)
    return PreparedRecord(row=item.row, record=item.record, result=letter)


def bury(svc: ProcessServices, record: InboxRecord, reason: str, detail: str) -> DeadLetter:
    """Return the dead letter of a record: sealed as received, to be replayed or dropped by a person."""
    return DeadLetter(
        id=0,
        project_id=record.project_id,
        received_at=record.received_at,
        reason=reason,
        detail=_storable(detail),
        attempts=ATTEMPTS,
        kind=record.kind,
        event_id=record.event_id,
        body=svc.seal_record(record),
    )


def _storable(detail: str) -> str:
    """Return the text of a failure without what PostgreSQL cannot keep: it may quote hostile bytes."""
    return detail.replace("\0", "\ufffd").encode("utf-8", "replace").decode()[:500]


def _corrupt_letter(svc: ProcessServices, detail: str) -> DeadLetter:
    return DeadLetter(
        id=0,
        project_id=ProjectId(0),
        received_at=svc.clock(),
        reason="corrupt",
        detail=_storable(detail),
        attempts=1,
        kind=RecordKind.REFUSAL,
        event_id=EventId(""),
    )


def _count(
    record: InboxRecord, outcome: OutcomeKind, reason: str, category: ItemCategory | None = None
) -> OutcomeCount:
    """Return the outcome of a record that is not stored.

    The category stays the one under which the item was received, so that the books balance per category;
    ``category`` only names it in the reason.
    """
    return OutcomeCount(
        project_id=record.project_id,
        category=record.category,
        hour=record.received_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0),
        outcome=outcome,
        reason=reason if category is None else f"{reason}:{category.value}",
        quantity=record.quantity,
    )


# --- other ways in ------------------------------------------------------------------------------------------


async def replay_dead_letter(svc: ProcessServices, letter_id: int) -> Prepared:
    """Process a dead letter again; its outcome moves with it, or it stays when it fails again.

    Raises:
        NotFoundError: there is no such dead letter.
        PoisonBatchError: the database refuses it again; it stays.
        InboxCorruptError: it cannot be opened (it was corrupt when it was received).
    """
    letter = await svc.store.dead_letter(letter_id)
    record = svc.open_record(letter.body)
    await svc.projects.ensure({record.project_id})
    await svc.templates.ensure()
    result = prepare_records(svc, [(1, record)])[0].result
    if isinstance(result, DeadLetter):
        return result
    batch = StoreBatch(
        slot=NO_SLOT,
        start=Cursor(),
        end=Cursor(),
        errors=(result,) if isinstance(result, StoredError) else (),
        outcomes=(result,) if isinstance(result, OutcomeCount) else (),
    )
    committed = await svc.store.replace_dead_letter(letter_id, batch)
    if committed is not None:
        await svc.stream.publish(committed)
    return result


async def import_records(svc: ProcessServices, records: Sequence[InboxRecord]) -> CommitResult:
    """Process records that did not come through the inbox (demo data, imports), by the same steps."""
    await svc.projects.ensure({record.project_id for record in records})
    await svc.templates.ensure()
    prepared = prepare_records(svc, enumerate(records, start=1))
    batch = InboxBatch(
        slot=NO_SLOT,
        start=Cursor(),
        end=Cursor(),
        records=(),
        finished=(SegmentTotals(seq=0, counts=_received(records)),),
    )
    return await store(svc, batch, prepared)


def _received(records: Sequence[InboxRecord]) -> tuple[ReceivedCount, ...]:
    totals: dict[tuple[ProjectId, ItemCategory, datetime], int] = {}
    for record in records:
        hour = record.received_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        key = (record.project_id, record.category, hour)
        totals[key] = totals.get(key, 0) + record.quantity
    return tuple(
        ReceivedCount(project_id=project, category=category, hour=hour, quantity=quantity)
        for (project, category, hour), quantity in totals.items()
    )
