"""Puts an accepting process together (seed box: Error Manager)."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog

from error_manager.flows.collecting import Collecting
from error_manager.flows.counting import ItemCounter
from error_manager.flows.receiving import BodyMemory, ReceiveLimits
from error_manager.flows.services import AcceptServices
from error_manager.flows.waiting import waiting_since
from error_manager.integrations.ingest.app import Health, IngestApp
from error_manager.runtime.failpoint import failpoint_of
from error_manager.runtime.settings import Settings
from error_manager.runtime.wiring import query
from error_manager.runtime.wiring.query import Showing
from error_manager.security.encryption import Sealer, open_sealer
from error_manager.storage.base import Cursor, IngestKey
from error_manager.storage.inbox import (
    SqliteInbox,
    SqliteInboxReader,
    ZstdCompressor,
    default_max_bytes,
    remove_ownerless,
)
from error_manager.storage.postgres.collecting import PostgresSpans
from error_manager.storage.postgres.connection import connect
from error_manager.storage.postgres.keys import KeyFeed
from error_manager.storage.quota import SharedTokenBuckets
from error_manager.storage.state import KeySnapshot

_BODY_MEMORY_BYTES: Final = 192 * 1024 * 1024
_FLUSH_INTERVAL_S: Final = 1.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The parts of an accepting process, and what runs beside the requests."""

    app: IngestApp
    inbox: SqliteInbox
    feed: KeyFeed
    keys: KeySnapshot
    showing: Showing
    counter: ItemCounter
    quota: SharedTokenBuckets
    collecting: Collecting

    async def flush(self) -> None:
        """Write the counts of refused items each second, until cancelled."""
        while True:
            await asyncio.sleep(_FLUSH_INTERVAL_S)
            await self.counter.flush(self.inbox)

    async def close(self) -> None:
        """Write the last counts and close the inbox."""
        await self.counter.flush(self.inbox)
        await self.inbox.close()
        self.quota.close()


async def build(settings: Settings, *, slot: int) -> Serving:
    """Return the process of a slot, with its inbox open.

    Raises:
        DataFolderError: the slot is held by another process, or the master key is missing or wrong.
    """
    data_dir = settings.data_dir
    sealer = open_sealer(data_dir)
    keys = KeySnapshot(data_dir / "state" / "keys.sealed", sealer)
    inbox = _inbox(settings, slot, sealer)
    feed = _feed(settings, slot, keys, inbox)
    (data_dir / "run").mkdir(mode=0o700, exist_ok=True)
    quota = SharedTokenBuckets(data_dir / "run" / "quota", monotonic=time.monotonic)
    counter = ItemCounter()
    services = AcceptServices(
        inbox=inbox,
        keys=keys,
        refresh_keys=feed.ask,
        quota=quota,
        counter=counter,
        memory=BodyMemory(_BODY_MEMORY_BYTES),
        limits=ReceiveLimits(
            body_bytes=settings.limits.body_bytes,
            inflated_bytes=settings.limits.inflated_bytes,
            item_bytes=settings.limits.item_bytes,
            body_timeout_s=settings.limits.body_timeout_s,
        ),
        clock=lambda: datetime.now(UTC),
        randomness=os.urandom,
    )
    showing = query.build(settings, slot=slot)
    app = IngestApp(
        services,
        health=lambda: _health(inbox, keys, feed),
        behind=showing.app,
        max_open=settings.limits.connections // 2,
    )
    await inbox.open()
    return Serving(
        app=app,
        inbox=inbox,
        feed=feed,
        keys=keys,
        showing=showing,
        counter=counter,
        quota=quota,
        collecting=_collecting(settings, slot, inbox, sealer, PostgresSpans(showing.connections)),
    )


def _collecting(
    settings: Settings, slot: int, inbox: SqliteInbox, sealer: Sealer, spans: PostgresSpans
) -> Collecting:
    async def note(started_at: datetime, ended_at: datetime) -> None:
        await spans.note(slot, started_at, ended_at)

    def look(cursors: Mapping[int, Cursor]) -> Mapping[int, datetime | None]:
        folder = settings.data_dir / "inbox"
        with closing(SqliteInboxReader(folder, sealer=sealer, compressor=compressor)) as reader:
            ownerless = [s for s in reader.slots() if s >= settings.server.processes] if slot == 0 else []
            return waiting_since(reader, cursors, [slot, *ownerless])

    async def note_waiting(at: datetime) -> None:
        found = await asyncio.to_thread(look, await spans.cursors())
        for each, since in found.items():
            await spans.note_waiting(each, at, since)

    compressor = ZstdCompressor()

    return Collecting(
        note, note_waiting, is_taking=lambda: not inbox.is_full, clock=lambda: datetime.now(UTC)
    )


def _inbox(settings: Settings, slot: int, sealer: Sealer) -> SqliteInbox:
    folder = settings.data_dir / "inbox"
    folder.mkdir(mode=0o700, exist_ok=True)
    max_bytes = settings.inbox.max_bytes or default_max_bytes(folder)
    return SqliteInbox(
        folder,
        slot=slot,
        sealer=sealer,
        compressor=ZstdCompressor(),
        clock=lambda: datetime.now(UTC),
        segment_bytes=settings.inbox.segment_bytes,
        max_bytes=max_bytes // settings.server.processes,
        min_free_share=settings.inbox.min_free_share,
        commit_interval_s=settings.inbox.commit_interval_s,
        failpoint=failpoint_of(settings),
    )


def _feed(settings: Settings, slot: int, keys: KeySnapshot, inbox: SqliteInbox) -> KeyFeed:
    async def take_keys(fresh: Sequence[IngestKey]) -> None:
        if keys.replace(fresh):
            try:
                await asyncio.to_thread(keys.save)
            except OSError as error:  # the disk is full: the keys in memory are good, the copy is only older
                _log.warning("keys_not_saved", detail=str(error))

    async def take_cursors(cursors: Mapping[int, int]) -> None:
        await inbox.collect(cursors.get(slot, 0))
        if slot == 0:
            for other in [s for s in cursors if s >= settings.server.processes]:
                await asyncio.to_thread(remove_ownerless, settings.data_dir / "inbox", other, cursors[other])

    return KeyFeed(
        lambda: connect(
            settings.database_session_url, application_name=f"error-manager serve {slot}", autocommit=True
        ),
        take_keys=take_keys,
        take_cursors=take_cursors,
    )


def _health(inbox: SqliteInbox, keys: KeySnapshot, feed: KeyFeed) -> Health:
    broken = [
        name for name, is_broken in (("inbox", inbox.is_full), ("keys", not keys.is_loaded)) if is_broken
    ]
    return Health(broken=tuple(broken), degraded=() if feed.is_connected else ("database",))
