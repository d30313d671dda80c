"""All storage protocols and the values that cross them (seed box: Storage Interface).

Each protocol has an adapter for production, a twin in ``storage/memory.py`` and one contract suite
(``tests/contract``) that both pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, Generic, Protocol, TypeVar
from uuid import UUID

from error_manager.core.rules import RuleSet
from error_manager.core.types import (
    CatalogEntry,
    ErrorEvent,
    ErrorId,
    EventId,
    GroupId,
    ItemCategory,
    OutcomeKind,
    PatternId,
    PatternStatus,
    ProjectId,
    Severity,
)

T = TypeVar("T")

# --- the inbox ----------------------------------------------------------------------------------------------


class RecordKind(StrEnum):
    """How the body of an inbox record is to be read."""

    SENTRY_EVENT = "sentry_event"  # JSON of one Sentry event
    NATIVE = "native"  # JSON of one error in our own form
    NOT_AN_ERROR = "not_an_error"  # an envelope item that is no error; empty body, counted only
    REFUSAL = "refusal"  # a counter of refused items; empty body, quantity >= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxRecord:
    """One accepted item (or one counter of refused ones) on its way to processing.

    ``event_id`` is the id the caller was told (32 hex) or "" when the item has none. ``sent_at`` is the
    client's clock at sending, for drift correction. ``quantity`` is 1 except for refusals.
    ``outcome`` and ``reason`` are set for refusals and items that are no errors.
    """

    kind: RecordKind
    project_id: ProjectId
    received_at: datetime
    body: bytes = b""
    event_id: EventId = EventId("")
    category: ItemCategory = ItemCategory.ERROR
    key_id: int = 0
    sent_at: datetime | None = None
    sdk: str = ""
    client_ip: str = ""
    quantity: int = 1
    outcome: OutcomeKind | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Cursor:
    """Up to where a slot of the inbox was processed: segment ``seq``, last processed ``row`` (0 = none)."""

    seq: int = 0
    row: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxBatch:
    """Records claimed from one slot. ``start`` is the cursor they were read at, ``end`` the one to commit.

    ``corrupt`` holds records that could not be opened: (row, reason); they become dead letters.
    ``finished`` are the ``received`` totals of segments that end inside this batch (see ``ReceivedCount``).
    """

    slot: int
    start: Cursor
    end: Cursor
    records: tuple[tuple[int, InboxRecord], ...]
    corrupt: tuple[tuple[int, str], ...] = ()
    finished: tuple[SegmentTotals, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedCount:
    """How many items the accepting side counted, by project, category and hour, whatever became of them."""

    project_id: ProjectId
    category: ItemCategory
    hour: datetime
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentTotals:
    """The received counts of one finished segment; stored with the cursor that passes its end."""

    seq: int
    counts: tuple[ReceivedCount, ...]


class InboxSink(Protocol):
    """The accepting side: one process, one slot."""

    async def put(self, records: Sequence[InboxRecord]) -> None:
        """Return when all records are on disk (fsync).

        Raises:
            InboxFullError: the size cap is reached or the disk is nearly full; nothing was kept.
        """
        ...

    @property
    def is_full(self) -> bool:
        """Return whether the next ``put`` would be refused."""
        ...


class InboxSource(Protocol):
    """The processing side: reads any slot, writes none."""

    def slots(self) -> tuple[int, ...]:
        """Return every slot that has a folder, also those without an owner."""
        ...

    def claim(self, slot: int, cursor: Cursor, *, limit: int) -> InboxBatch | None:
        """Return up to ``limit`` records behind ``cursor``, or None when there is nothing to do."""
        ...

    def received(
        self, slot: int, cursor: Cursor
    ) -> tuple[tuple[ReceivedCount, ...], tuple[ReceivedCount, ...]]:
        """Return (received, waiting) of the segments from ``cursor.seq`` on, one snapshot per segment.

        ``received`` counts all of their items, ``waiting`` those behind the cursor.

        Raises:
            InboxCorruptError: a segment vanished while it was read; take a new cursor and try again.
        """
        ...


NO_SLOT: Final = -1
"""Slot of batches that did not come through the inbox (demo, replayed letters): they move no cursor."""

# --- storing ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateMatch:
    """The mined template of a bare message, and the version of the published templates that said so."""

    id: int
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredError:
    """One error ready to be stored: masked, catalogued, encoded.

    ``event`` is what columns and rollups take; its frames, breadcrumbs, request and other bulk may be
    missing. ``body`` is the zstd-compressed JSON of the whole masked event (``core.encoding``), ``user_key``
    the keyed hash of who was hit (16 bytes or empty), ``subject_keys`` the keyed hashes of each masked
    person's address, ``template`` the mined template that its group stands for.
    """

    error_id: ErrorId
    project_id: ProjectId
    event: ErrorEvent
    entry: CatalogEntry
    created_at: datetime
    body: bytes
    dictionary_id: int = 0
    user_key: bytes = b""
    subject_keys: tuple[bytes, ...] = ()
    template: TemplateMatch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeCount:
    """``quantity`` items of a project ended this way; ``hour`` is that of their receipt."""

    project_id: ProjectId
    category: ItemCategory
    hour: datetime
    outcome: OutcomeKind
    reason: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An item that could not be processed; ``body`` is sealed."""

    id: int
    project_id: ProjectId
    received_at: datetime
    reason: str
    detail: str
    attempts: int
    kind: RecordKind
    event_id: EventId
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreBatch:
    """All that one transaction writes: errors, outcomes of the others, dead letters, and the inbox cursor."""

    slot: int
    start: Cursor
    end: Cursor
    errors: tuple[StoredError, ...] = ()
    outcomes: tuple[OutcomeCount, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()
    finished: tuple[SegmentTotals, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternChange:
    """What a commit did to one pattern; ``is_new`` and ``is_regression`` drive live pages and alerts."""

    project_id: ProjectId
    pattern_id: PatternId
    count: int
    is_new: bool
    is_regression: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitResult:
    """What a commit stored: number of new errors and of duplicates, and the patterns it touched."""

    accepted: int
    duplicates: int
    patterns: tuple[PatternChange, ...]
    first_errors: tuple[tuple[ProjectId, ErrorId], ...] = ()


class ErrorStore(Protocol):
    """Where processing writes."""

    async def cursor(self, slot: int) -> Cursor:
        """Return the committed cursor of a slot (``Cursor()`` when it has none)."""
        ...

    async def commit(self, batch: StoreBatch) -> CommitResult:
        """Store the batch, its outcomes and its cursor in one transaction.

        Duplicates by (project, event_id) are counted, not stored.

        Raises:
            StorageUnavailableError: the database is away; nothing was stored, try again.
            PoisonBatchError: the data of the batch is refused; bisect.
            StaleCursorError: the cursor is no longer ``batch.start``; read it again.
        """
        ...

    async def dead_letters(self, *, project_id: ProjectId | None, limit: int) -> tuple[DeadLetter, ...]:
        """Return the newest dead letters, without bodies."""
        ...

    async def dead_letter(self, letter_id: int) -> DeadLetter:
        """Return one dead letter with its sealed body.

        Raises:
            NotFoundError: there is none of that id.
        """
        ...

    async def replace_dead_letter(self, letter_id: int, batch: StoreBatch | None) -> CommitResult | None:
        """Remove a dead letter; its outcome moves to what ``batch`` stores, or to ``filtered`` for None."""
        ...


# --- keys and projects --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project; ``subject_key`` (32 bytes) keys the hashes of persons.

    ``weight`` says how much it matters to the business, 0.25 to 4; 1 is usual.
    """

    id: ProjectId
    name: str
    slug: str
    platform: str = ""
    organization_id: int = 1
    subject_key: bytes = field(default=b"", repr=False)
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """At most ``limit`` errors per ``window`` (token bucket: refill ``limit / window``, burst ``limit``)."""

    limit: int
    window: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestKey:
    """A public, write-only key of a project (32 hex)."""

    id: int
    key: str
    project_id: ProjectId
    label: str = ""
    is_active: bool = True
    quota: Quota | None = None
    project_quota: Quota | None = None


class KeyStore(Protocol):
    """Keys as the accepting side needs them; answers from memory, refreshed in the background."""

    def ingest_key(self, key: str) -> IngestKey | None:
        """Return the key, or None when it is unknown."""
        ...

    @property
    def is_loaded(self) -> bool:
        """Return whether the keys are known at all; false until the database has answered once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """How many items are within quota; the rest may come after ``retry_after_s`` (>= 1, 0 = none).

    ``scope`` says whose quota was used up: ``key`` or ``project``.
    """

    granted: int
    retry_after_s: int = 0
    scope: str = "key"


class QuotaGate(Protocol):
    """The quotas of keys and projects, shared by all accepting processes of a host."""

    def take(self, key: IngestKey, quantity: int) -> Grant:
        """Take up to ``quantity`` items from the quotas of the key and of its project."""
        ...


# --- around processing --------------------------------------------------------------------------------------


class ProjectDirectory(Protocol):
    """The projects as processing needs them, with opened subject keys; kept in memory."""

    def get(self, project_id: ProjectId) -> Project | None:
        """Return the project, or None when it is unknown or deleted."""
        ...

    def rules(self, project_id: ProjectId) -> RuleSet | None:
        """Return the active grouping rules of a project, None when it has none."""
        ...

    async def ensure(self, project_ids: set[ProjectId]) -> None:
        """Load what is not known yet of these projects, and rules that changed more than a second ago.

        Raises:
            StorageUnavailableError: the database is away.
        """
        ...


class TemplateDirectory(Protocol):
    """The published templates as processing needs them; kept in memory, changed between batches only."""

    async def ensure(self) -> None:
        """Take what was loaded since the last batch; the first time, load.

        Raises:
            StorageUnavailableError: the database is away, and nothing was ever loaded.
        """
        ...

    def match(self, project_id: ProjectId, event: ErrorEvent) -> TemplateMatch | None:
        """Return the template of a bare message, None when it has none or is counted by its text."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTemplates:
    """The templates of a project as workers load them.

    ``version`` grows with each change of what they answer. ``content`` is the snapshot (JSON). ``apart``
    are the groups of texts that a person holds in another pattern than that of their template.
    """

    project_id: ProjectId
    version: int
    content: bytes
    apart: frozenset[GroupId] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class MiningState:
    """Where mining stands in a project: the last pattern it has read, and its templates (b"": none yet)."""

    pattern_id: PatternId
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGroup:
    """A group of bare messages that mining has not read yet: of a text, or of a template (``template_id``).

    ``message`` is the masked text of its first error, ``parts`` are those of its fingerprint.
    """

    group_id: GroupId
    message: str
    parts: tuple[str, ...]
    template_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateLink:
    """One group belongs where another one is, which stands for the template ``template_id``.

    ``group_id`` is the group of a text, or of a template that was merged into this one.
    """

    group_id: GroupId
    template_group: GroupId
    template_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What one round of mining found out; kept as a whole or not at all.

    ``start`` and ``end`` are the patterns up to which mining had read before and has read now. ``texts``
    are the templates (id, readable text) that changed, ``is_changed`` says whether any answer did.
    """

    project_id: ProjectId
    start: PatternId
    end: PatternId
    content: bytes
    is_changed: bool
    links: tuple[TemplateLink, ...] = ()
    texts: tuple[tuple[int, str], ...] = ()


class TemplateStore(Protocol):
    """Where templates are published, and where the one miner reads and writes (design D6, ADR 0011)."""

    async def newer(self, known: Mapping[ProjectId, int]) -> tuple[PublishedTemplates, ...]:
        """Return the published templates of each project that has another version than the known one."""
        ...

    async def waiting(self) -> tuple[ProjectId, ...]:
        """Return the projects with groups that mining has not read."""
        ...

    async def state(self, project_id: ProjectId) -> MiningState:
        """Return where mining stands in a project."""
        ...

    async def unread(
        self, project_id: ProjectId, start: PatternId, *, limit: int
    ) -> tuple[PatternId, tuple[NewGroup, ...]]:
        """Return up to ``limit`` groups made after a pattern, oldest first, and the pattern read up to.

        No batch that is being stored can later add one before it.
        """
        ...

    async def template_groups(
        self, project_id: ProjectId, template_ids: Sequence[int]
    ) -> tuple[NewGroup, ...]:
        """Return the groups that stand for these templates."""
        ...

    async def learn(self, lesson: Lesson, *, now: datetime) -> None:
        """Keep a lesson: publish, and merge the patterns of linked groups into the oldest of each template.

        Groups that a person moved stay where they are; a text's later errors then stay with it, too.

        Raises:
            StaleCursorError: another miner was faster; read the state again.
        """
        ...


class BodyCompressor(Protocol):
    """Compresses masked bodies."""

    def compress(self, project_id: ProjectId, body: bytes) -> tuple[int, bytes]:
        """Return (dictionary id, compressed body)."""
        ...


class DictionaryTrainer(Protocol):
    """Collects masked bodies from which a project's dictionary is trained."""

    def observe(self, project_id: ProjectId, body: bytes) -> None:
        """Keep a sample of the bodies while the project has no dictionary of its own."""
        ...


class Publisher(Protocol):
    """Tells live pages what was stored."""

    async def publish(self, result: CommitResult) -> None:
        """Send the change; a failure is logged and never raised: pages catch up by themselves."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How many records the next claim may take, and which attempt at them it is (1 = the first).

    ``is_careful``: a process died not long ago; nothing may be prepared ahead, so that the note of a crash
    always stands where the cursor is.
    """

    limit: int
    attempt: int
    is_careful: bool = False


class InFlight(Protocol):
    """Remembers across a crash which records were being processed, to isolate one that kills workers."""

    def begin(self, slot: int, cursor: Cursor, *, limit: int) -> Allowance:
        """Return how much to claim at ``cursor``: after a crash there, half as much as before."""
        ...

    def started(self, slot: int, batch: InboxBatch, *, attempt: int) -> None:
        """Note what is being processed."""
        ...

    def finished(self, slot: int) -> None:
        """Note that the batch is done."""
        ...


# --- reading ------------------------------------------------------------------------------------------------


class PatternOrder(StrEnum):
    """How a list of patterns is sorted; always the largest, newest or worst first."""

    LAST_SEEN = "last_seen"
    FIRST_SEEN = "first_seen"
    COUNT = "count"
    USERS = "users"
    SEVERITY = "severity"
    RISK = "risk"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternFilter:
    """Which patterns to list; None and empty mean "any".

    ``text`` is the search (words, "phrases", -not); its ``field:value`` and ``-field:value`` pairs are
    already split off into ``fields``.
    """

    project_ids: tuple[ProjectId, ...] = ()
    text: str = ""
    fields: tuple[tuple[str, str, bool], ...] = ()  # (name, value, is_negated)
    status: PatternStatus | None = None
    severities: tuple[Severity, ...] = ()
    environment: str = ""
    release: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternRow:
    """A pattern as lists show it. ``trend`` is errors per bucket over the listed time, oldest first.

    ``weight`` is how much it matters to the business, as a person set it; that of its project comes on top.
    ``state`` (new, ongoing, rising, ...), since when, and ``risk`` (0 to 100) are what the analysis told
    last; None before it has looked.
    """

    id: PatternId
    project_id: ProjectId
    pattern_hash: str
    title: str
    message: str
    culprit: str
    module: str
    error_code: str
    severity: Severity
    status: PatternStatus
    count: int
    users: int
    first_seen: datetime
    last_seen: datetime
    platform: str = ""
    is_regression: bool = False
    ignore_until: datetime | None = None
    first_release: str = ""
    last_release: str = ""
    weight: float = 1.0
    trend: tuple[int, ...] = ()
    state: str | None = None
    state_since: datetime | None = None
    risk: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRow:
    """An error as lists show it."""

    id: ErrorId
    event_id: EventId
    project_id: ProjectId
    pattern_id: PatternId
    timestamp: datetime
    message: str
    module: str
    error_code: str
    severity: Severity
    environment: str = ""
    release: str = ""
    occurrences: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Why a group is in its pattern: ``by`` ``fingerprint``, ``template``, or a ``person`` who moved it.

    ``group`` is the id of the group, 32 hexadecimal digits, ``template`` the text of the mined template that
    its messages have, "" when they have none or a person holds them apart.
    """

    group: str
    by: str
    since: datetime
    person: str = ""
    template: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRow(Placement):
    """One group of a pattern, described by its first error; ``parts`` are those of its fingerprint.

    ``is_first`` marks the group that gave the pattern its name; it cannot be split off.
    """

    title: str
    message: str
    culprit: str
    parts: tuple[str, ...]
    version: int
    count: int
    last_seen: datetime
    is_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternParts:
    """A pattern that another may be compared with; ``parts`` are those of its fingerprint.

    ``shared`` is how many of type (title), module and code both have in common, 0..3.
    """

    id: PatternId
    title: str
    message: str
    culprit: str
    parts: tuple[str, ...]
    count: int
    shared: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorDetail:
    """One stored error with its decoded body and its neighbours in the pattern."""

    row: ErrorRow
    event: ErrorEvent
    created_at: datetime
    fingerprint_version: int
    placement: Placement
    previous_id: ErrorId | None = None
    next_id: ErrorId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page of a list and the opaque cursor of the next (None at the end)."""

    items: tuple[T, ...]
    next: str | None = None
    is_partial: bool = False  # the search inside errors took too long: matches by pattern text only


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The books of a time range: ``unexplained = received - waiting - sum(outcomes)`` (design D5)."""

    received: int
    waiting: int
    outcomes: Mapping[OutcomeKind, int]
    reasons: tuple[OutcomeCount, ...] = ()

    @property
    def unexplained(self) -> int:
        """Return the items that have no end and do not wait; always 0 unless something is broken."""
        return self.received - self.waiting - sum(self.outcomes.values())


# --- the query side: values ---------------------------------------------------------------------------------


class Bucket(StrEnum):
    """The width of one step of a history; day buckets are UTC days."""

    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A range of time in steps: ``since`` is inclusive and starts a bucket, ``until`` is exclusive."""

    bucket: Bucket
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """When errors were taken in: ``first`` is when that began, None when nobody has said so yet.

    What lies before was imported. ``spans`` are those that ended since the time that was asked for.
    """

    first: datetime | None
    spans: tuple[tuple[datetime, datetime], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFilter:
    """Which errors to list; None and empty mean "any". ``text`` and ``fields`` as in ``PatternFilter``."""

    project_ids: tuple[ProjectId, ...] = ()
    pattern_id: PatternId | None = None
    text: str = ""
    fields: tuple[tuple[str, str, bool], ...] = ()  # (name, value, is_negated)
    severities: tuple[Severity, ...] = ()
    module: str = ""
    error_code: str = ""
    environment: str = ""
    release: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPoint:
    """Errors of one bucket; ``start`` is inclusive."""

    start: datetime
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueCount:
    """How often a value (of a tag, a release, an environment) occurred."""

    value: str
    count: int
    first_seen: datetime | None = None
    last_seen: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSummary:
    """One tag key: ``total`` errors carry it; ``values`` are the top ones of ``distinct``."""

    key: str
    total: int
    distinct: int
    values: tuple[ValueCount, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCounts:
    """How many different users a pattern hit, in all and by UTC day (oldest first)."""

    total: int
    days: tuple[tuple[date, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternName:
    """A pattern as others speak of it."""

    id: PatternId
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternChangeRow:
    """One line of what was done to a pattern; ``person`` is "" when an error did it (regression).

    ``others`` are the patterns that a merge or split was about, ``undone`` is the action an undo took back,
    ``is_template`` says that no person merged, but that the messages have one template. ``note`` and
    ``release`` are what the person who resolved it wrote, and the release that brings the fix. ``weight`` is
    the business weight that was set.
    """

    id: int
    at: datetime
    action: str
    person: str = ""
    others: tuple[PatternName, ...] = ()
    undone: str = ""
    is_template: bool = False
    note: str = ""
    release: str = ""
    weight: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """One report of ``analysis_reports``; ``formats`` are the files it has (json, html, csv)."""

    id: int
    project_id: ProjectId | None
    report_type: str
    generated_at: datetime
    total_errors: int
    unique_patterns: int
    status: str
    file_path: str
    formats: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerBooks:
    """PostgreSQL's part of the ledger, in one snapshot: cursors of the slots, received, outcomes."""

    cursors: Mapping[int, Cursor]
    received: int
    outcomes: tuple[OutcomeCount, ...]  # hour is the first hour of the range or of the books


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize:
    """Rows (estimated) and bytes of one table with its indexes and partitions."""

    name: str
    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """What the status page says of the database."""

    version: str
    size_bytes: int
    connections: int
    tables: tuple[TableSize, ...]
    cursors: Mapping[int, Cursor]
    dead_letters: int
    errors: int
    patterns: int


# --- the query side: protocols ------------------------------------------------------------------------------


class QueryStore(Protocol):
    """Everything pages, API and reports read. ``project_ids`` empty means all projects.

    Every method raises StorageUnavailableError when the database is away and NotFoundError for an unknown id.
    """

    async def list_patterns(
        self,
        where: PatternFilter,
        *,
        order: PatternOrder,
        limit: int,
        cursor: str | None,
        trend: Window,
    ) -> Page[PatternRow]:
        """Return patterns, worst or newest first, each with its counts over the buckets of ``trend``.

        With a time range, environment or release, ``count`` is that of the range; otherwise of all time.
        """
        ...

    async def pattern(self, pattern_id: PatternId, *, project_ids: tuple[ProjectId, ...] = ()) -> PatternRow:
        """Return one pattern, without trend; for one that was merged away, the pattern it is part of now."""
        ...

    async def patterns(
        self, pattern_ids: Sequence[PatternId], *, project_ids: tuple[ProjectId, ...] = ()
    ) -> Mapping[PatternId, PatternRow]:
        """Return these patterns as ``pattern`` does, by the id that was asked for."""
        ...

    async def list_errors(self, where: ErrorFilter, *, limit: int, cursor: str | None) -> Page[ErrorRow]:
        """Return errors, newest first."""
        ...

    async def error(self, reference: UUID, *, project_ids: tuple[ProjectId, ...] = ()) -> ErrorDetail:
        """Return the error with that id (ours or the client's) and its neighbors in the pattern.

        ``previous_id`` is the next older error of the pattern, ``next_id`` the next newer one.
        """
        ...

    async def latest_error(
        self, pattern_id: PatternId, *, project_ids: tuple[ProjectId, ...] = ()
    ) -> ErrorId | None:
        """Return the newest error of a pattern, or None when retention has removed all."""
        ...

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
        ...

    async def collection(self, *, since: datetime) -> Collection:
        """Return when errors were taken in since then; counts of other times say nothing."""
        ...

    async def tags(
        self,
        pattern_id: PatternId,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        values: int = 10,
    ) -> tuple[TagSummary, ...]:
        """Return the tags of a pattern with their top ``values``, most frequent first (whole UTC days)."""
        ...

    async def users(self, pattern_id: PatternId, *, since: datetime | None = None) -> UserCounts:
        """Return how many users a pattern hit, in all and by UTC day from that of ``since`` on."""
        ...

    async def releases(
        self, pattern_id: PatternId | None, *, project_ids: tuple[ProjectId, ...] = (), limit: int = 50
    ) -> tuple[ValueCount, ...]:
        """Return the releases of a pattern (None = of the projects), most recently seen first."""
        ...

    async def environments(
        self, pattern_id: PatternId | None, *, project_ids: tuple[ProjectId, ...] = (), limit: int = 50
    ) -> tuple[ValueCount, ...]:
        """Return the environments of a pattern (None = of the projects), most frequent first."""
        ...

    async def changes(self, pattern_id: PatternId, *, limit: int = 20) -> tuple[PatternChangeRow, ...]:
        """Return what was done to a pattern, newest first."""
        ...

    async def change_status(
        self,
        pattern_id: PatternId,
        status: PatternStatus,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        ignore_until: datetime | None,
        person_id: int | None,
        now: datetime,
        note: str = "",
        release: str = "",
    ) -> PatternRow:
        """Set the status of a pattern, keep what it was in its history, return the pattern.

        ``note`` is kept with it, and ``release``, the one that brings the fix.
        """
        ...

    async def change_weight(
        self,
        pattern_id: PatternId,
        weight: float,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        person_id: int | None,
        now: datetime,
    ) -> PatternRow:
        """Set the business weight of a pattern (0.25 to 4), keep what it was in its history, return it.

        A weight that it has already is no change. A merge keeps that of the pattern that stays; what is split
        off as a new pattern begins with that of the pattern it was in.
        """
        ...

    async def groups(self, pattern_id: PatternId, *, limit: int = 100) -> tuple[GroupRow, ...]:
        """Return the groups of a pattern, most frequent first."""
        ...

    async def comparable(self, pattern_id: PatternId, *, limit: int = 200) -> tuple[PatternParts, ...]:
        """Return patterns of the same project: those sharing most first, then the newest."""
        ...

    async def merge(
        self,
        pattern_id: PatternId,
        others: tuple[PatternId, ...],
        *,
        project_ids: tuple[ProjectId, ...] = (),
        person_id: int | None,
        now: datetime,
    ) -> PatternRow:
        """Move all groups of the other patterns into the first one; return it, counted anew.

        The others keep their ids, which lead to it from now on. Its status is the most watchful of all.

        Raises:
            ValidationError: nothing to merge, or of another project.
        """
        ...

    async def split(
        self,
        pattern_id: PatternId,
        groups: tuple[GroupId, ...],
        *,
        project_ids: tuple[ProjectId, ...] = (),
        title: str,
        person_id: int | None,
        now: datetime,
    ) -> PatternRow:
        """Move groups out of a pattern together; return the pattern that holds them now.

        It is the one the largest of them came from when that stands empty and no title is given, else a new
        one.

        Raises:
            ValidationError: not groups of it, or the first one, which gave the pattern its name.
        """
        ...

    async def undo(
        self,
        pattern_id: PatternId,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        person_id: int | None,
        now: datetime,
    ) -> PatternRow:
        """Take back the last change that was not undone yet: of status or weight, a merge or a split.

        Errors that came since belong to their groups and move with them. Return the pattern.

        Raises:
            NotFoundError: there is nothing to undo.
            ConflictError: a later merge or split stands in the way.
        """
        ...

    async def ledger_books(
        self,
        *,
        project_ids: tuple[ProjectId, ...] = (),
        category: ItemCategory | None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> LedgerBooks:
        """Return cursors, received and outcomes in one snapshot (hours ``since`` to before ``until``)."""
        ...

    async def reports(
        self, *, project_ids: tuple[ProjectId, ...] = (), limit: int, cursor: str | None
    ) -> Page[ReportRow]:
        """Return reports, newest first."""
        ...

    async def report(self, report_id: int) -> ReportRow:
        """Return one report."""
        ...

    async def facts(self) -> DatabaseFacts:
        """Return sizes, cursors and counts for the status page."""
        ...


# --- access -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Someone who may sign in."""

    id: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A hashed API key; the key itself was shown once."""

    id: int
    person_id: int
    label: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in browser."""

    person_id: int
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    user_agent: str = ""


class AccessStore(Protocol):
    """Projects, keys, persons and sessions. Keys, tokens and session ids come in hashed, never plain.

    Every change of projects or ingest keys is announced on the channel ``em_keys``.
    """

    async def projects(self) -> tuple[Project, ...]:
        """Return all projects by id, with the sealed ``subject_key``."""
        ...

    async def next_project_id(self) -> ProjectId:
        """Return an unused project id (the sealed subject key names it)."""
        ...

    async def add_project(self, project: Project) -> Project:
        """Store a project (``subject_key`` is sealed); the slug gets a suffix when it is taken.

        Raises:
            ValidationError: the id is taken.
        """
        ...

    async def set_weight(self, project_id: ProjectId, weight: float) -> Project:
        """Set the business weight of a project (0.25 to 4) and return the project.

        Raises:
            NotFoundError: there is no such project.
        """
        ...

    async def ingest_keys(self, project_id: ProjectId | None = None) -> tuple[IngestKey, ...]:
        """Return the ingest keys of one or all projects, oldest first, with both quotas."""
        ...

    async def add_ingest_key(self, project_id: ProjectId, key: str, *, label: str) -> IngestKey:
        """Store an ingest key.

        Raises:
            ValidationError: the key is taken or malformed.
        """
        ...

    async def persons(self) -> tuple[Person, ...]:
        """Return all persons by id."""
        ...

    async def add_person(self, name: str) -> Person:
        """Store a person."""
        ...

    async def add_api_key(
        self, person_id: int, key_hash: bytes, *, label: str, expires_at: datetime | None
    ) -> ApiKey:
        """Store the hash of a new API key."""
        ...

    async def api_key(self, key_hash: bytes) -> ApiKey | None:
        """Return the key with that hash, also when it is revoked or expired."""
        ...

    async def api_keys(self) -> tuple[ApiKey, ...]:
        """Return all API keys, newest first."""
        ...

    async def revoke_api_key(self, key_id: int, *, now: datetime) -> None:
        """Make a key useless from now on."""
        ...

    async def add_login_link(self, token_hash: bytes, *, person_id: int, expires_at: datetime) -> None:
        """Store the hash of a one-time link; links that expired are removed."""
        ...

    async def use_login_link(self, token_hash: bytes, *, now: datetime) -> int | None:
        """Return the person of an unused, unexpired link and mark it used, in one step; None otherwise."""
        ...

    async def add_session(
        self, id_hash: bytes, *, person_id: int, now: datetime, expires_at: datetime, user_agent: str
    ) -> None:
        """Store a session; sessions that expired are removed."""
        ...

    async def session(self, id_hash: bytes, *, now: datetime) -> Session | None:
        """Return the session with that hash, also an expired one; ``seen_at`` moves at most once a minute."""
        ...

    async def end_session(self, id_hash: bytes) -> None:
        """Remove a session."""
        ...


# --- reports ------------------------------------------------------------------------------------------------


class ReportStore(Protocol):
    """Where made reports are registered (``analysis_reports``)."""

    async def add_report(self, row: ReportRow, *, since: datetime, until: datetime) -> ReportRow:
        """Register a report and return it with its id."""
        ...


class FileStore(Protocol):
    """Files of our own making: reports and exports. Names are relative and never come from a client."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all.

        Raises:
            StorageError: it cannot be written.
        """
        ...

    def read(self, name: str) -> bytes:
        """Return a file.

        Raises:
            NotFoundError: there is none of that name.
        """
        ...
