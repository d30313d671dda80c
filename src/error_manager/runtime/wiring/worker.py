"""Puts a worker process together (seed box: Worker)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import re2

from error_manager.flows.access import subject_key_context
from error_manager.flows.mining import Mining
from error_manager.flows.services import ProcessServices
from error_manager.runtime.failpoint import failpoint_of
from error_manager.runtime.settings import Settings
from error_manager.runtime.wiring.linear import compile_linear
from error_manager.security.encryption import Sealer, open_sealer
from error_manager.security.pii import Masker
from error_manager.storage.base import InboxRecord, Project
from error_manager.storage.compression import BodyCodec
from error_manager.storage.dictionaries import ProjectDictionaries
from error_manager.storage.directory import LoadedProjects, LoadedTemplates
from error_manager.storage.in_flight import InFlightFile
from error_manager.storage.inbox import RecordCodec, SqliteInboxReader, ZstdCompressor
from error_manager.storage.postgres.connection import connect
from error_manager.storage.postgres.errors import PostgresErrorStore
from error_manager.storage.postgres.session import WorkerSession
from error_manager.storage.postgres.templates import PostgresTemplateStore

_DEAD_LETTER_CONTEXT = "dead_letters/body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker's services and what it looks after itself."""

    services: ProcessServices
    store: PostgresErrorStore
    session: WorkerSession
    dictionaries: ProjectDictionaries
    templates: LoadedTemplates
    template_store: PostgresTemplateStore
    mining: Mining
    inbox: SqliteInboxReader

    async def close(self) -> None:
        """Close files and connections."""
        self.inbox.close()
        await self.session.close()
        await self.template_store.close()
        await self.store.close()


def build(settings: Settings, *, index: int) -> Worker:
    """Return the worker ``index`` (0, 1, ...), which is also the shard of its rollup rows."""
    data_dir = settings.data_dir
    sealer = open_sealer(data_dir)
    failpoint = failpoint_of(settings)
    codec = BodyCodec()
    dictionaries = ProjectDictionaries(codec)
    inbox = SqliteInboxReader(data_dir / "inbox", sealer=sealer, compressor=ZstdCompressor())
    store = PostgresErrorStore(
        lambda: connect(
            settings.database_url,
            application_name=f"error-manager worker {index}",
            statement_timeout_s=settings.database.worker_statement_timeout_s,
        ),
        shard=index,
        failpoint=failpoint,
    )
    session = WorkerSession(
        lambda: connect(
            settings.database_session_url,
            application_name=f"error-manager worker {index} session",
            statement_timeout_s=settings.database.worker_statement_timeout_s,
            autocommit=True,
        )
    )
    template_store = PostgresTemplateStore(
        lambda: connect(
            settings.database_url,
            application_name=f"error-manager worker {index} templates",
            statement_timeout_s=settings.database.worker_statement_timeout_s,
        )
    )
    templates = LoadedTemplates(template_store, monotonic=time.monotonic)
    seal_record, open_record = _dead_letter_codec(sealer)
    services = ProcessServices(
        inbox=inbox,
        store=store,
        projects=LoadedProjects(
            store.projects,
            open_key=_open_key(sealer),
            monotonic=time.monotonic,
            load_versions=store.rule_versions,
            load_rules=store.active_rules,
            compile_pattern=compile_linear,
        ),
        templates=templates,
        masker=Masker(re2.compile),
        codec=codec,
        dictionaries=dictionaries,
        in_flight=InFlightFile(data_dir / "state"),
        stream=session,
        seal_record=seal_record,
        open_record=open_record,
        clock=_now,
        randomness=os.urandom,
        retention=timedelta(days=settings.retention_days),
    )
    return Worker(
        services=services,
        store=store,
        session=session,
        dictionaries=dictionaries,
        templates=templates,
        template_store=template_store,
        mining=Mining(template_store, clock=_now),
        inbox=inbox,
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _open_key(sealer: Sealer) -> Callable[[Project], bytes]:
    return lambda project: sealer.open(project.subject_key, context=subject_key_context(project.id))


def _dead_letter_codec(
    sealer: Sealer,
) -> tuple[Callable[[InboxRecord], bytes], Callable[[bytes], InboxRecord]]:
    records = RecordCodec(sealer, ZstdCompressor())
    return (
        lambda record: records.seal(record, context=_DEAD_LETTER_CONTEXT),
        lambda body: records.open(body, context=_DEAD_LETTER_CONTEXT),
    )
