"""The protocol of stored grouping rules, and the values that cross it (seed box: Storage Interface)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from error_manager.analysis.regrouping import Home
from error_manager.core.errors import ConflictError, NotFoundError, ValidationError
from error_manager.core.rules import GroupingRule
from error_manager.core.types import FieldError, GroupId, PatternId, ProjectId

CHUNK: Final = 2_000
"""Errors that are read, and told about, at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRule:
    """A rule of a project; ``rule.id`` is its id."""

    rule: GroupingRule
    note: str
    is_active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """All rules of a project in their order; ``version`` grows whenever the active ones change."""

    version: int
    rules: tuple[StoredRule, ...]

    def active(self) -> tuple[GroupingRule, ...]:
        """Return the rules that are in force."""
        return tuple(stored.rule for stored in self.rules if stored.is_active)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptError:
    """A stored error as far as grouping is concerned; ``body`` is its JSON.

    ``has_template``: its group stands for a mined template.
    """

    group_id: GroupId
    occurrences: int
    body: bytes
    has_template: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What may change in the map: known groups and where each goes, new ones and who takes them on."""

    groups: tuple[tuple[GroupId, PatternId], ...] = ()
    taken_on: tuple[tuple[GroupId, PatternId], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """How far a dry run is; ``result`` is None while it runs, ``failure`` says why it ended without one."""

    id: int
    rule_id: int | None
    created_at: datetime
    updated_at: datetime
    total: int
    done: int
    failure: str = ""
    result: Mapping[str, object] | None = None


def check_order(rules: Sequence[StoredRule], rule_ids: Sequence[int]) -> None:
    """Refuse an order that does not name each rule once.

    Raises:
        ValidationError: it does not.
    """
    if sorted(rule_ids) != sorted(stored.rule.id for stored in rules):
        wrong = FieldError(path="ids", message="expected each rule of the project once")
        raise ValidationError([wrong])


def find_rule(rules: Sequence[StoredRule], rule_id: int, *, is_active: bool) -> StoredRule:
    """Return a rule that is on or off as wanted.

    Raises:
        NotFoundError: there is no such rule.
        ConflictError: it is not as wanted.
    """
    stored = next((stored for stored in rules if stored.rule.id == rule_id), None)
    if stored is None:
        message = f"There is no rule {rule_id} in this project."
        raise NotFoundError(message)
    if stored.is_active and not is_active:
        message = "This rule is switched on. Switch it off first; what it moved moves back."
        raise ConflictError(message)
    if is_active and not stored.is_active:
        message = "This rule is switched off."
        raise ConflictError(message)
    return stored


def check_planned(book: RuleBook, rule_id: int, planned_for: RuleBook | None) -> None:
    """Refuse to switch on a rule by a plan that was made for other rules (None: there is no plan).

    Raises:
        NotFoundError: there is no such rule.
        ConflictError: it is switched on already, or the rules have changed since.
    """
    stored = find_rule(book.rules, rule_id, is_active=False)
    if planned_for is None:
        return
    is_same = any(other.rule == stored.rule for other in planned_for.rules)
    if book.version != planned_for.version or not is_same:
        message = "The rules were changed meanwhile. Look at what it would change now, and try again."
        raise ConflictError(message)


class RuleStore(Protocol):
    """Where rules are kept and what they move in the map.

    Every method raises StorageUnavailableError when the database is away.
    """

    async def book(self, project_id: ProjectId) -> RuleBook:
        """Return the rules of a project.

        Raises:
            NotFoundError: there is no such project.
        """
        ...

    async def add_rule(
        self, project_id: ProjectId, rule: GroupingRule, *, note: str, person_id: int | None, now: datetime
    ) -> int:
        """Store a rule behind the others, switched off; return its id."""
        ...

    async def change_rule(self, project_id: ProjectId, rule: GroupingRule, *, note: str) -> None:
        """Replace a rule that is switched off.

        Raises:
            NotFoundError: there is no such rule.
            ConflictError: it is switched on.
        """
        ...

    async def delete_rule(self, project_id: ProjectId, rule_id: int) -> None:
        """Remove a rule that is switched off.

        Raises:
            NotFoundError: there is no such rule.
            ConflictError: it is switched on.
        """
        ...

    async def order_rules(self, project_id: ProjectId, rule_ids: Sequence[int]) -> None:
        """Put the rules into this order.

        Raises:
            ValidationError: these are not the rules of the project, each once.
        """
        ...

    async def switch_on(
        self,
        project_id: ProjectId,
        rule_id: int,
        moves: Moves,
        *,
        person_id: int | None,
        now: datetime,
        planned_for: RuleBook | None = None,
    ) -> int:
        """Switch a rule on and move groups, in one step; return how many known groups moved.

        Groups that a person put where they are stay there. ``planned_for`` are the rules that the moves were
        planned for.

        Raises:
            NotFoundError: there is no such rule.
            ConflictError: it is switched on already, or the rules are others than those of the plan.
        """
        ...

    async def switch_off(
        self, project_id: ProjectId, rule_id: int, *, person_id: int | None, now: datetime
    ) -> int:
        """Switch a rule off and move back what it moved, in one step; return how many groups moved back.

        Raises:
            NotFoundError: there is no such rule.
            ConflictError: it is switched off already.
        """
        ...

    async def move(self, project_id: ProjectId, moves: Moves, *, person_id: int | None, now: datetime) -> int:
        """Move groups without a rule (another version of the fingerprint); return how many moved."""
        ...

    async def homes(self, project_id: ProjectId, groups: Sequence[GroupId]) -> Mapping[GroupId, Home]:
        """Return where these groups are; those the map does not know are missing."""
        ...

    async def count_newest(self, project_id: ProjectId, *, limit: int) -> int:
        """Return how many errors ``newest`` would give."""
        ...

    def newest(self, project_id: ProjectId, *, limit: int) -> AsyncGenerator[Sequence[KeptError], None]:
        """Yield the newest errors of a project, newest first, in parts of up to ``CHUNK``."""
        ...

    async def add_preview(
        self, project_id: ProjectId, *, rule_id: int | None, total: int, now: datetime
    ) -> int:
        """Register a dry run and return its id; those older than a week are removed."""
        ...

    async def note_preview(
        self,
        project_id: ProjectId,
        preview_id: int,
        *,
        done: int,
        now: datetime,
        failure: str = "",
        result: Mapping[str, object] | None = None,
    ) -> None:
        """Keep how far a dry run is, or how it ended."""
        ...

    async def preview(self, project_id: ProjectId, preview_id: int) -> Preview:
        """Return a dry run.

        Raises:
            NotFoundError: there is none of that id.
        """
        ...
