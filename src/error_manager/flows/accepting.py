"""From the network to the inbox: what clients send, up to its answer (seed box: Error Processing Flow).

Start at ``accept_envelope``. What is answered with 200 is on disk; what is refused is counted. Nothing here
waits for the database: keys and quotas are in memory, and the inbox is a file.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from error_manager.core.errors import (
    AuthenticationError,
    AuthorizationError,
    InboxFullError,
    MalformedPayloadError,
    PayloadTooLargeError,
    RateLimitedError,
    RequestError,
    ValidationError,
)
from error_manager.core.ids import EVENT_ID_BYTES, new_event_id, parse_event_id
from error_manager.core.quick import maker
from error_manager.core.types import EventId, FieldError, ItemCategory, OutcomeKind
from error_manager.decoding.batch import BatchItem, split_batch
from error_manager.decoding.envelope import (
    Envelope,
    EnvelopeHeader,
    EnvelopeItem,
    item_category,
    split_envelope,
)
from error_manager.decoding.inflate import decode_store_body
from error_manager.decoding.native import check_native
from error_manager.flows.counting import NOT_AN_ERROR
from error_manager.flows.receiving import MemoryShare, ReadPiece, read_body
from error_manager.flows.services import AcceptServices
from error_manager.security.ingest_key import KEY, parse_dsn
from error_manager.storage.base import Grant, InboxRecord, IngestKey, RecordKind

_record_of: Final = maker(InboxRecord)
_WHERE: Final = "Use the DSN that the page Connect of the project shows."
_FULL_RETRY_S: Final = 30
_STARTING_RETRY_S: Final = 2
_MAX_PROJECT_CHARS: Final = 20
_ITEMS_PER_TURN: Final = 50  # decoding 10,000 items takes half a second; others are served in between
TOO_LARGE: Final = FieldError(path="", message="this error is larger than the limit of one error")
OVER_QUOTA: Final = FieldError(path="", message="over quota; send it again later")
"""The one refusal of an item that ends by itself; clients send such an item again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A request of a client before its body is read.

    ``read`` returns the body piece by piece; ``key`` and ``project`` are what header, query and path say
    ("" when they say nothing).
    """

    read: ReadPiece
    key: str = ""
    project: str = ""
    encoding: str = ""
    sdk: str = ""
    client_ip: str = ""
    is_lines: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What is on disk now: the id told to the client ("" for none), and the quota's answer."""

    event_id: str
    grant: Grant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """What became of one item of a batch: its id, or every wrong field."""

    index: int
    event_id: str = ""
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAcceptance:
    """What became of each item of a batch, and the quota's answer."""

    items: tuple[ItemResult, ...]
    grant: Grant


# --- the three ways in --------------------------------------------------------------------------------------


async def accept_envelope(svc: AcceptServices, request: Submission) -> Acceptance:
    """Accept the items of an envelope.

    Raises:
        RequestError: none of its errors was accepted; what was refused is counted.
    """
    key = await find_key(svc, request.key) if request.key else None
    with svc.memory.share() as share:
        with refusals_counted(svc, key):
            envelope = split_envelope(await _body(svc, request, share))
        project = request.project
        if key is None:
            key, project = await key_of_dsn(svc, envelope, project)
        with refusals_counted(svc, key):
            check_project(key, project)
        errors = _count_others(svc, key, envelope)
        return await _admit_events(svc, key, request, envelope, errors)


async def accept_store(svc: AcceptServices, request: Submission) -> Acceptance:
    """Accept the one event of the older protocol.

    Raises:
        RequestError: it was refused, and counted.
    """
    key = await find_key(svc, request.key)
    with svc.memory.share() as share:
        with refusals_counted(svc, key):
            check_project(key, request.project)
            payload = await _store_payload(svc, request, share)
        event = EnvelopeItem(type="event", payload=payload)
        return await _admit_events(svc, key, request, None, [event])


async def accept_errors(svc: AcceptServices, request: Submission) -> BatchAcceptance:
    """Accept errors in our own form; each item is told its id or every wrong field.

    Raises:
        RequestError: nothing was accepted and the reason is not the fields of items; it is counted.
    """
    key = await find_key(svc, request.key)
    with svc.memory.share() as share:
        with refusals_counted(svc, key):
            items = split_batch(await _body(svc, request, share), is_lines=request.is_lines)
        results = await _check_items(svc, items)
        valid = [result for result in results if not result.errors]
        _refuse(svc, key, OutcomeKind.INVALID, ValidationError.reason, len(results) - len(valid))
        records = [_native_record(svc, key, request, items[result.index].raw, result) for result in valid]
        grant = await _admit(svc, key, records)
    for result in valid[grant.granted :]:
        results[result.index] = ItemResult(index=result.index, errors=(OVER_QUOTA,))
    return BatchAcceptance(items=tuple(results), grant=grant)


async def accept_report(svc: AcceptServices, request: Submission) -> None:
    """Take a browser's report of a broken policy and count it: it is no error of the application.

    Raises:
        RequestError: wrong key, or the body is refused.
    """
    key = await find_key(svc, request.key)
    with svc.memory.share() as share, refusals_counted(svc, key):
        check_project(key, request.project)
        if not await _body(svc, request, share):
            raise MalformedPayloadError("The report is empty.")
    _count_other(svc, key, ItemCategory.OTHER, 1)


# --- who ----------------------------------------------------------------------------------------------------


async def find_key(svc: AcceptServices, text: str) -> IngestKey:
    """Return the key of a request; a key that is not known yet is asked for once.

    Raises:
        AuthenticationError: none was given.
        AuthorizationError: it is unknown or switched off.
        RateLimitedError: no key is known yet, the first start is not finished.
    """
    if not text:
        raise AuthenticationError
    key = svc.keys.ingest_key(text)
    if key is None and KEY.fullmatch(text):
        await svc.refresh_keys()
        key = svc.keys.ingest_key(text)
    if key is None:
        if not svc.keys.is_loaded:
            raise RateLimitedError(_STARTING_RETRY_S, scope="organization", reason="starting")
        raise AuthorizationError(f"This key is not known here. {_WHERE}")
    if not key.is_active:
        _refuse(svc, key, OutcomeKind.INVALID, "key_disabled", 1)
        raise AuthorizationError(f"This key is switched off. {_WHERE}")
    return key


async def key_of_dsn(svc: AcceptServices, envelope: Envelope, project: str) -> tuple[IngestKey, str]:
    """Return the key that the envelope itself names (tunnels, Ruby), and the project to check it against."""
    dsn = parse_dsn(envelope.header.dsn)
    if dsn is None:
        raise AuthenticationError
    return await find_key(svc, dsn.key), project or dsn.project


def check_project(key: IngestKey, project: str) -> None:
    """Refuse a path that names another project than the key's ("" names none).

    Raises:
        AuthorizationError: it does.
    """
    if not project:
        return
    is_number = project.isascii() and project.isdecimal() and len(project) <= _MAX_PROJECT_CHARS
    if not is_number or int(project) != key.project_id:
        raise AuthorizationError("This key belongs to another project than the path says.")


# --- what ---------------------------------------------------------------------------------------------------


class _Identified(msgspec.Struct):
    """The one field of an event that is needed before it is decoded."""

    event_id: object = None


_IDENTIFIED = msgspec.json.Decoder(_Identified)


async def _body(svc: AcceptServices, request: Submission, share: MemoryShare) -> bytes:
    return await read_body(request.read, request.encoding, limits=svc.limits, share=share)


async def _store_payload(svc: AcceptServices, request: Submission, share: MemoryShare) -> bytes:
    """Return the event in a body of the older protocol, which may be compressed once more."""
    body = await _body(svc, request, share)
    payload = decode_store_body(body, svc.limits.inflated_bytes)
    share.change(len(payload) - len(body))
    if not payload.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        raise MalformedPayloadError("The event is not a JSON object.")
    return payload


def _count_others(svc: AcceptServices, key: IngestKey, envelope: Envelope) -> list[EnvelopeItem]:
    """Count the items that are no errors and return the others."""
    errors = []
    others: Counter[ItemCategory] = Counter()
    for item in envelope.items:
        category = item_category(item.type)
        if category is ItemCategory.ERROR:
            errors.append(item)
        else:
            others[category] += 1
    for category, quantity in others.items():
        _count_other(svc, key, category, quantity)
    return errors


async def _admit_events(
    svc: AcceptServices,
    key: IngestKey,
    request: Submission,
    envelope: Envelope | None,
    errors: Sequence[EnvelopeItem],
) -> Acceptance:
    """Put events into the inbox; the id in the envelope's header wins over that of the first event."""
    header = envelope.header if envelope is not None else EnvelopeHeader()
    if not errors:
        return Acceptance(event_id=header.event_id or "")
    fitting = [item for item in errors if len(item.payload) <= svc.limits.item_bytes]
    if too_large := len(errors) - len(fitting):
        _refuse(svc, key, OutcomeKind.INVALID, PayloadTooLargeError.reason, too_large)
    if not fitting:
        raise PayloadTooLargeError(f"An error has more than {svc.limits.item_bytes} bytes.")
    first, *others = fitting
    records = [_event_record(svc, key, request, header, first, event_id=header.event_id)]
    records += [_event_record(svc, key, request, header, item) for item in others]
    return Acceptance(event_id=records[0].event_id, grant=await _admit(svc, key, records))


def _event_record(
    svc: AcceptServices,
    key: IngestKey,
    request: Submission,
    header: EnvelopeHeader,
    item: EnvelopeItem,
    *,
    event_id: EventId | None = None,
) -> InboxRecord:
    return _record_of(
        kind=RecordKind.SENTRY_EVENT,
        project_id=key.project_id,
        received_at=svc.clock(),
        body=item.payload,
        event_id=event_id or _own_id(svc, item.payload),
        key_id=key.id,
        sent_at=header.sent_at,
        sdk=header.sdk or request.sdk,
        client_ip=request.client_ip,
    )


def _own_id(svc: AcceptServices, payload: bytes) -> EventId:
    """Return the id inside an event, or a new one; what is odd about the event is found in processing."""
    try:
        found = parse_event_id(_IDENTIFIED.decode(payload).event_id)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        found = None
    return found or new_event_id(svc.randomness(EVENT_ID_BYTES))


async def _check_items(svc: AcceptServices, items: Sequence[BatchItem]) -> list[ItemResult]:
    """Decode each item as processing will, to tell the caller now what is wrong."""
    results = []
    received_at = svc.clock()
    for index, item in enumerate(items):
        if index % _ITEMS_PER_TURN == _ITEMS_PER_TURN - 1:
            await asyncio.sleep(0)
        results.append(_check_item(svc, index, item, received_at))
    return results


def _check_item(svc: AcceptServices, index: int, item: BatchItem, received_at: datetime) -> ItemResult:
    if item.problem:
        return ItemResult(index=index, errors=(FieldError(path="", message=item.problem),))
    if len(item.raw) > svc.limits.item_bytes:
        return ItemResult(index=index, errors=(TOO_LARGE,))
    given = item.value.get("event_id") if isinstance(item.value, dict) else None
    event_id = parse_event_id(given) or new_event_id(svc.randomness(EVENT_ID_BYTES))
    try:
        check_native(item.value, received_at=received_at, event_id=event_id)
    except ValidationError as error:
        return ItemResult(index=index, errors=error.errors)
    return ItemResult(index=index, event_id=event_id)


def _native_record(
    svc: AcceptServices, key: IngestKey, request: Submission, raw: bytes, result: ItemResult
) -> InboxRecord:
    return _record_of(
        kind=RecordKind.NATIVE,
        project_id=key.project_id,
        received_at=svc.clock(),
        body=raw,
        event_id=EventId(result.event_id),
        key_id=key.id,
        sdk=request.sdk,
        client_ip=request.client_ip,
    )


# --- whether ------------------------------------------------------------------------------------------------


async def _admit(svc: AcceptServices, key: IngestKey, records: Sequence[InboxRecord]) -> Grant:
    """Put what is within quota into the inbox; when it returns, that is on disk.

    Raises:
        RateLimitedError: nothing of it was within quota, or the inbox is full; all of it is counted.
    """
    grant = svc.quota.take(key, len(records))
    refused = len(records) - grant.granted
    _refuse(svc, key, OutcomeKind.RATE_LIMITED, RateLimitedError.reason, refused)
    if records and not grant.granted:
        raise RateLimitedError(grant.retry_after_s, scope=grant.scope)
    try:
        await svc.inbox.put(records[: grant.granted])
    except InboxFullError as error:
        _refuse(svc, key, OutcomeKind.RATE_LIMITED, InboxFullError.code, grant.granted)
        raise RateLimitedError(_FULL_RETRY_S, scope="organization", reason=InboxFullError.code) from error
    return grant


@contextmanager
def refusals_counted(svc: AcceptServices, key: IngestKey | None) -> Iterator[None]:
    """Count a request that is refused before its items are known as one error (nobody's without a key)."""
    try:
        yield
    except RequestError as error:
        if key is not None:
            limited = isinstance(error, RateLimitedError)
            _refuse(svc, key, OutcomeKind.RATE_LIMITED if limited else OutcomeKind.INVALID, error.reason, 1)
        raise


def _refuse(svc: AcceptServices, key: IngestKey, outcome: OutcomeKind, reason: str, quantity: int) -> None:
    svc.counter.add(key.project_id, outcome, reason, received_at=svc.clock(), quantity=quantity)


def _count_other(svc: AcceptServices, key: IngestKey, category: ItemCategory, quantity: int) -> None:
    svc.counter.add(
        key.project_id,
        OutcomeKind.FILTERED,
        NOT_AN_ERROR,
        received_at=svc.clock(),
        quantity=quantity,
        category=category,
    )
