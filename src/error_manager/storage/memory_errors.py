"""In-memory twins of what processing works with: for tests, and as the shortest description of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from error_manager.core.errors import (
    NotFoundError,
    PoisonBatchError,
    StaleCursorError,
    StorageUnavailableError,
)
from error_manager.core.rules import RuleSet
from error_manager.core.types import (
    EventId,
    GroupId,
    ItemCategory,
    OutcomeKind,
    PatternId,
    PatternStatus,
    ProjectId,
)
from error_manager.storage.base import (
    Allowance,
    CommitResult,
    Cursor,
    DeadLetter,
    InboxBatch,
    PatternChange,
    Project,
    StoreBatch,
    StoredError,
)

_GroupKey = tuple[ProjectId, GroupId]
_OutcomeKey = tuple[ProjectId, ItemCategory, datetime, OutcomeKind, str]


@dataclass(slots=True)
class MemoryPattern:
    """A pattern's counters and state."""

    id: PatternId
    count: int = 0
    status: PatternStatus = PatternStatus.UNRESOLVED
    resolved_at: datetime | None = None
    ignore_until: datetime | None = None
    users: set[bytes] = field(default_factory=set)


class MemoryErrorStore:
    """``ErrorStore`` in dictionaries; one pattern per group.

    ``is_away`` makes every call fail, ``poison`` names messages the "database" refuses.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.errors: dict[tuple[ProjectId, EventId], StoredError] = {}
        self.patterns: dict[_GroupKey, MemoryPattern] = {}
        self.outcomes: Counter[_OutcomeKey] = Counter()
        self.received: Counter[tuple[ProjectId, ItemCategory, datetime]] = Counter()
        self.letters: dict[int, DeadLetter] = {}
        self.cursors: dict[int, Cursor] = {}
        self.is_away = False
        self.poison: set[str] = set()
        self._last_letter = 0

    async def cursor(self, slot: int) -> Cursor:
        """Return the committed cursor of a slot (``Cursor()`` when it has none)."""
        self._reach()
        return self.cursors.get(slot, Cursor())

    async def commit(self, batch: StoreBatch) -> CommitResult:
        """Store the batch, its outcomes and its cursor, or nothing (see the protocol)."""
        self._reach()
        if any(error.event.message in self.poison for error in batch.errors):
            raise PoisonBatchError
        if batch.slot >= 0:
            if self.cursors.get(batch.slot, Cursor()) != batch.start:
                raise StaleCursorError
            self.cursors[batch.slot] = batch.end
        fresh = self._keep(batch.errors)
        for outcome in batch.outcomes:
            key = (outcome.project_id, outcome.category, outcome.hour, outcome.outcome, outcome.reason)
            self.outcomes[key] += outcome.quantity
        for letter in batch.dead_letters:
            self._last_letter += 1
            self.letters[self._last_letter] = replace(letter, id=self._last_letter)
            self._end(letter.project_id, letter.received_at, OutcomeKind.DEAD_LETTER, letter.reason, 1)
        for segment in batch.finished:
            for count in segment.counts:
                self.received[count.project_id, count.category, count.hour] += count.quantity
        return CommitResult(
            accepted=len(fresh),
            duplicates=len(batch.errors) - len(fresh),
            patterns=self._touch(fresh),
            first_errors=tuple({e.project_id: e.error_id for e in reversed(fresh)}.items()),
        )

    async def dead_letters(self, *, project_id: ProjectId | None, limit: int) -> tuple[DeadLetter, ...]:
        """Return the newest dead letters, without bodies."""
        self._reach()
        letters = [
            replace(letter, body=b"")
            for letter in reversed(self.letters.values())
            if project_id in {None, letter.project_id}
        ]
        return tuple(letters[:limit])

    async def dead_letter(self, letter_id: int) -> DeadLetter:
        """Return one dead letter with its sealed body."""
        self._reach()
        if letter_id not in self.letters:
            msg = f"There is no dead letter {letter_id}."
            raise NotFoundError(msg)
        return self.letters[letter_id]

    async def replace_dead_letter(self, letter_id: int, batch: StoreBatch | None) -> CommitResult | None:
        """Remove a dead letter and move its outcome."""
        letter = await self.dead_letter(letter_id)
        result = None if batch is None else await self.commit(batch)
        del self.letters[letter_id]
        self._end(letter.project_id, letter.received_at, OutcomeKind.DEAD_LETTER, letter.reason, -1)
        if batch is None:
            self._end(letter.project_id, letter.received_at, OutcomeKind.FILTERED, "dropped", 1)
        return result

    def _reach(self) -> None:
        if self.is_away:
            raise StorageUnavailableError

    def _keep(self, errors: tuple[StoredError, ...]) -> list[StoredError]:
        fresh = []
        for error in errors:
            key = (error.project_id, error.event.event_id)
            is_known = key in self.errors
            kind = OutcomeKind.DUPLICATE if is_known else OutcomeKind.ACCEPTED
            self._end(error.project_id, error.created_at, kind, "", 1)
            if not is_known:
                self.errors[key] = error
                fresh.append(error)
        return fresh

    def _touch(self, fresh: list[StoredError]) -> tuple[PatternChange, ...]:
        changes: dict[_GroupKey, PatternChange] = {}
        for error in fresh:
            key = (error.project_id, error.entry.fingerprint.group_id)
            if key not in self.patterns and error.entry.former is not None:
                former = self.patterns.get((error.project_id, error.entry.former.group_id))
                self.patterns |= {} if former is None else {key: former}
            is_new = key not in self.patterns
            pattern = self.patterns.setdefault(key, MemoryPattern(PatternId(len(self.patterns) + 1)))
            pattern.count += error.event.occurrences
            if error.user_key:
                pattern.users.add(error.user_key)
            was = changes.get(key)
            changes[key] = PatternChange(
                project_id=error.project_id,
                pattern_id=pattern.id,
                count=error.event.occurrences + (was.count if was else 0),
                is_new=is_new or (was is not None and was.is_new),
                is_regression=_reopen(pattern, error.event.timestamp)
                or (was is not None and was.is_regression),
            )
        return tuple(sorted(changes.values(), key=lambda change: (change.project_id, change.pattern_id)))

    def _end(self, project: ProjectId, at: datetime, kind: OutcomeKind, reason: str, quantity: int) -> None:
        hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        self.outcomes[project, ItemCategory.ERROR, hour, kind, reason] += quantity


def _reopen(pattern: MemoryPattern, at: datetime) -> bool:
    """Reopen a pattern that came back; return whether it had been resolved."""
    if (
        pattern.status is PatternStatus.RESOLVED
        and pattern.resolved_at is not None
        and at > pattern.resolved_at
    ):
        pattern.status = PatternStatus.UNRESOLVED
        return True
    if (
        pattern.status is PatternStatus.IGNORED
        and pattern.ignore_until is not None
        and at >= pattern.ignore_until
    ):
        pattern.status = PatternStatus.UNRESOLVED
    return False


class MemoryProjects:
    """``ProjectDirectory`` of given projects; ``rule_sets`` are their rules."""

    def __init__(self, *projects: Project) -> None:
        """Keep the projects."""
        self._projects = {project.id: project for project in projects}
        self.rule_sets: dict[ProjectId, RuleSet] = {}

    def get(self, project_id: ProjectId) -> Project | None:
        """Return the project, or None when it is unknown."""
        return self._projects.get(project_id)

    def rules(self, project_id: ProjectId) -> RuleSet | None:
        """Return the active grouping rules of a project, None when it has none."""
        return self.rule_sets.get(project_id)

    async def ensure(self, project_ids: set[ProjectId]) -> None:
        """Do nothing: all that there is is known."""


class MemoryPublisher:
    """``Publisher`` that keeps what was published."""

    def __init__(self) -> None:
        """Start empty."""
        self.published: list[CommitResult] = []

    async def publish(self, result: CommitResult) -> None:
        """Keep the change."""
        self.published.append(result)


class MemoryInFlight:
    """``InFlight`` that forgets with the process: it never sees a crash."""

    def __init__(self) -> None:
        """Start with nothing in flight."""
        self._notes: dict[int, tuple[Cursor, int, int]] = {}

    def begin(self, slot: int, cursor: Cursor, *, limit: int) -> Allowance:
        """Return how much to claim at ``cursor`` (see the protocol)."""
        note = self._notes.get(slot)
        if note is None or note[0] != cursor:
            return Allowance(limit=limit, attempt=1)
        _, records, attempt = note
        if records > 1:
            return Allowance(limit=min(limit, records // 2), attempt=1)
        return Allowance(limit=1, attempt=attempt + 1)

    def started(self, slot: int, batch: InboxBatch, *, attempt: int) -> None:
        """Note what is being processed."""
        self._notes[slot] = (batch.start, len(batch.records), attempt)

    def finished(self, slot: int) -> None:
        """Note that the batch is done."""
        self._notes.pop(slot, None)


class PlainCompressor:
    """``BodyCompressor`` that compresses nothing, and ``DictionaryTrainer`` that trains nothing."""

    def compress(self, project_id: ProjectId, body: bytes) -> tuple[int, bytes]:
        """Return (0, the body as it is); ``project_id`` makes no difference."""
        del project_id
        return 0, body

    def observe(self, project_id: ProjectId, body: bytes) -> None:
        """Keep nothing."""
