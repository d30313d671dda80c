"""The adapters each data path works with; ``runtime/wiring`` makes them (seed box: Storage Abstraction)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from error_manager.core.rules import CompileLinear
from error_manager.flows.counting import ItemCounter
from error_manager.flows.live import LiveHub
from error_manager.flows.receiving import BodyMemory, ReceiveLimits
from error_manager.monitoring.dashboard import HostFacts
from error_manager.security.pii import Masker
from error_manager.storage.base import (
    AccessStore,
    BodyCompressor,
    DictionaryTrainer,
    ErrorStore,
    FileStore,
    InboxRecord,
    InboxSink,
    InboxSource,
    InFlight,
    KeyStore,
    ProjectDirectory,
    Publisher,
    QueryStore,
    QuotaGate,
    ReportStore,
    TemplateDirectory,
)
from error_manager.storage.findings import FindingStore
from error_manager.storage.rules import RuleStore
from error_manager.storage.vectors import PatternSource, VectorIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptServices:
    """What accepting needs. ``refresh_keys()`` reads the keys again, in bounded time and number."""

    inbox: InboxSink
    keys: KeyStore
    refresh_keys: Callable[[], Awaitable[None]]
    quota: QuotaGate
    counter: ItemCounter
    memory: BodyMemory
    limits: ReceiveLimits
    clock: Callable[[], datetime]
    randomness: Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessServices:
    """What processing needs. ``randomness(n)`` returns n random bytes, ``clock()`` the time in UTC."""

    inbox: InboxSource
    store: ErrorStore
    projects: ProjectDirectory
    templates: TemplateDirectory
    masker: Masker
    codec: BodyCompressor
    dictionaries: DictionaryTrainer
    in_flight: InFlight
    stream: Publisher
    seal_record: Callable[[InboxRecord], bytes]
    open_record: Callable[[bytes], InboxRecord]
    clock: Callable[[], datetime]
    randomness: Callable[[int], bytes]
    retention: timedelta


class Seals(Protocol):
    """What seals subject keys (``security.encryption.Sealer``)."""

    def seal(self, plain: bytes, *, context: str) -> bytes:
        """Return the sealed bytes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessServices:
    """What access needs. ``randomness(n)`` returns n unpredictable bytes, ``clock()`` the time in UTC."""

    access: AccessStore
    sealer: Seals
    clock: Callable[[], datetime]
    randomness: Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexServices:
    """What indexing patterns, and asking for similar ones, needs."""

    index: VectorIndex
    source: PatternSource


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryServices:
    """What pages and the API need.

    ``url`` is the address people and clients use (``http://127.0.0.1:8000``), ``host()`` what the machine
    says (it may block and is called in a thread), ``read_file(path)`` the bytes of a file below the files
    folder (blocks, too). ``login_command`` makes a login link when pasted into a shell of this machine; it
    names folders, so only callers on this machine see it. ``compile_pattern`` makes of a person's expression
    one that takes linear time.
    """

    queries: QueryStore
    rules: RuleStore
    findings: FindingStore
    index: IndexServices
    compile_pattern: CompileLinear
    access: AccessStore
    sealer: Seals
    inbox: InboxSource
    live: LiveHub
    host: Callable[[], HostFacts]
    read_file: Callable[[str], bytes]
    clock: Callable[[], datetime]
    randomness: Callable[[int], bytes]
    url: str
    version: str
    login_command: str

    @property
    def is_tls(self) -> bool:
        """Return whether people come by HTTPS, which decides about the cookie."""
        return self.url.startswith("https://")

    @property
    def admission(self) -> AccessServices:
        """Return the part that makes projects and keys."""
        return AccessServices(
            access=self.access, sealer=self.sealer, clock=self.clock, randomness=self.randomness
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportServices:
    """What reporting needs."""

    query: QueryServices
    reports: ReportStore
    files: FileStore
