"""What pages and the API show, put together from stored values (seed box: Dashboard). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from error_manager.analysis.parameters import Parameter
from error_manager.core.types import ItemCategory, OutcomeKind, ProjectId
from error_manager.monitoring.why import Alike
from error_manager.storage.base import (
    Bucket,
    DatabaseFacts,
    ErrorDetail,
    ErrorRow,
    GroupRow,
    HistoryPoint,
    IngestKey,
    Ledger,
    OutcomeCount,
    Page,
    PatternChangeRow,
    PatternFilter,
    PatternOrder,
    PatternRow,
    Project,
    TagSummary,
    UserCounts,
    ValueCount,
    Window,
)
from error_manager.storage.findings import AnalysisRun

REFUSALS: Final = frozenset(
    {OutcomeKind.FILTERED, OutcomeKind.RATE_LIMITED, OutcomeKind.INVALID, OutcomeKind.DEAD_LETTER}
)
"""Outcomes that mean: received and not shown. Duplicates are not refused, they are here already."""
_HOURLY_UP_TO: Final = timedelta(days=3)
_USUAL: Final = timedelta(days=13)
STEP: Final = {Bucket.HOUR: timedelta(hours=1), Bucket.DAY: timedelta(days=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusLine:
    """The line at the foot of every page; ``is_healthy`` is False when the books do not balance."""

    received: int
    stored: int
    duplicates: int
    refused: int
    waiting: int
    unexplained: int
    is_healthy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternsView:
    """The list of patterns with what its filters offer."""

    page: Page[PatternRow]
    where: PatternFilter
    order: PatternOrder
    projects: tuple[Project, ...]
    environments: tuple[ValueCount, ...]
    releases: tuple[ValueCount, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternView:
    """Everything the page of one pattern shows; ``error`` is None when retention has removed all of them."""

    pattern: PatternRow
    project: Project
    error: ErrorDetail | None
    history: tuple[HistoryPoint, ...]
    window: Window
    tags: tuple[TagSummary, ...]
    releases: tuple[ValueCount, ...]
    environments: tuple[ValueCount, ...]
    users: UserCounts
    changes: tuple[PatternChangeRow, ...]
    groups: tuple[GroupRow, ...] = ()
    nearest: Alike | None = None
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeView:
    """What may be merged with a pattern: the patterns most like it, or what a search found."""

    project: Project
    pattern: PatternRow
    alike: tuple[Alike, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectView:
    """How to connect an application to a project, and whether it worked.

    ``first_error`` is the newest stored error of the project, None before the first. ``refusals`` are the
    refused items by outcome and reason, most frequent first.
    """

    project: Project
    projects: tuple[Project, ...]
    key: IngestKey | None
    url: str
    dsn: str
    first_error: ErrorRow | None
    received: int
    refusals: tuple[OutcomeCount, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessFacts:
    """One process of this installation; memory is the proportional set size."""

    name: str
    pid: int
    memory_bytes: int
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFacts:
    """One place on disk: what it holds and what is free around it."""

    name: str
    used_bytes: int
    free_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What the machine says."""

    processes: tuple[ProcessFacts, ...] = ()
    disks: tuple[DiskFacts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotFacts:
    """One slot of the inbox: where processing stands and how many items wait."""

    slot: int
    seq: int
    row: int
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView:
    """Everything the status page shows; ``database`` is None while PostgreSQL is away.

    ``runs`` are the newest of each step of the analysis.
    """

    ledger: Ledger | None
    others: Mapping[ItemCategory, int]
    slots: tuple[SlotFacts, ...]
    database: DatabaseFacts | None
    host: HostFacts
    version: str
    now: datetime
    runs: tuple[AnalysisRun, ...] = ()


def status_line(ledger: Ledger) -> StatusLine:
    """Return the foot line of a ledger; of what was sent twice one is stored and one a duplicate."""
    return StatusLine(
        received=ledger.received,
        stored=ledger.outcomes[OutcomeKind.ACCEPTED],
        duplicates=ledger.outcomes[OutcomeKind.DUPLICATE],
        refused=sum(ledger.outcomes[kind] for kind in REFUSALS),
        waiting=ledger.waiting,
        unexplained=ledger.unexplained,
        is_healthy=ledger.unexplained == 0,
    )


def balance(*, received: int, waiting: int, outcomes: Iterable[OutcomeCount]) -> Ledger:
    """Return the books: outcome totals by kind (all six, zeros included) and the counts behind them."""
    listed = tuple(outcomes)
    totals = Counter[OutcomeKind]()
    for count in listed:
        totals[count.outcome] += count.quantity
    return Ledger(
        received=received,
        waiting=waiting,
        outcomes={kind: totals[kind] for kind in OutcomeKind},
        reasons=listed,
    )


def refusals(counts: Iterable[OutcomeCount]) -> tuple[OutcomeCount, ...]:
    """Return what was refused, most frequent first."""
    return tuple(sorted((c for c in counts if c.outcome in REFUSALS), key=lambda c: -c.quantity))


def window(since: datetime | None, until: datetime | None, *, now: datetime) -> Window:
    """Return the buckets to draw for a range: hours up to three days, UTC days beyond; 14 days when open."""
    end = until or now
    start = since or end - _USUAL
    bucket = Bucket.HOUR if end - start <= _HOURLY_UP_TO else Bucket.DAY
    return Window(bucket=bucket, since=floor(start, bucket), until=floor(end, bucket) + STEP[bucket])


def floor(moment: datetime, bucket: Bucket) -> datetime:
    """Return the start of the UTC hour or day of a moment."""
    hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return hour if bucket is Bucket.HOUR else hour.replace(hour=0)


def dsn(url: str, key: str, project_id: ProjectId) -> str:
    """Return the DSN a Sentry SDK takes: ``http://KEY@host:port/PROJECT``."""
    scheme, _, rest = url.rstrip("/").partition("://")
    return f"{scheme}://{key}@{rest}/{project_id}"
