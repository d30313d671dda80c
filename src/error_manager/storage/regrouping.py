"""What merging and splitting do to the state of patterns (ADR 0009). Pure; every store goes by it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from error_manager.core.errors import ConflictError, NotFoundError, ValidationError
from error_manager.core.types import FieldError, PatternId, PatternStatus

PERSON: Final = "person"
TEMPLATE: Final = "template"
"""Who moved a group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternState:
    """The state of a pattern; ``ignore_until`` None with status ``ignored`` means for ever."""

    status: PatternStatus = PatternStatus.UNRESOLVED
    resolved_at: datetime | None = None
    ignore_until: datetime | None = None
    regressed_at: datetime | None = None


def merged_state(states: Iterable[PatternState]) -> PatternState:
    """Return the most watchful of the states, so that merging hides nothing.

    Unresolved before resolved before ignored. Among the resolved the latest resolution counts, among the
    ignored the one that ends first.
    """
    listed = list(states)
    unresolved = [state for state in listed if state.status is PatternStatus.UNRESOLVED]
    if unresolved:
        return PatternState(
            regressed_at=max((s.regressed_at for s in unresolved if s.regressed_at), default=None)
        )
    resolved = [state.resolved_at for state in listed if state.status is PatternStatus.RESOLVED]
    if resolved:
        times = (time for time in resolved if time)
        return PatternState(status=PatternStatus.RESOLVED, resolved_at=max(times, default=None))
    ends = (state.ignore_until for state in listed if state.ignore_until)
    return PatternState(status=PatternStatus.IGNORED, ignore_until=min(ends, default=None))


def joined_state(members: Sequence[tuple[PatternState, datetime, bool]]) -> PatternState:
    """Return the state of patterns that become one.

    Args:
        members: state, time of the newest error, and whether the pattern is fresh: made a moment ago, only
            because its text was not known to belong to the others. The errors of a fresh one count as if they
            had come to the others: they reopen what errors reopen, and no more.
    """
    known = [(state, last_seen) for state, last_seen, is_fresh in members if not is_fresh]
    if not known:
        return PatternState()
    state = merged_state(state for state, _ in known)
    newest = max(last_seen for _, last_seen in known)
    return caught_up(state, last_seen=max(last_seen for _, last_seen, _ in members), known=newest)


def caught_up(state: PatternState, *, last_seen: datetime, known: datetime) -> PatternState:
    """Return a state that was put back, reopened if an error has come since that would have reopened it.

    Args:
        state: what is put back.
        last_seen: time of the newest error now.
        known: time of the newest error when the state was last in force.
    """
    if last_seen <= known:
        return state
    if state.status is PatternStatus.RESOLVED and state.resolved_at and last_seen > state.resolved_at:
        return PatternState(regressed_at=last_seen)
    if state.status is PatternStatus.IGNORED and state.ignore_until and state.ignore_until <= last_seen:
        return replace(state, status=PatternStatus.UNRESOLVED, ignore_until=None)
    return state


def unions(pairs: Iterable[tuple[PatternId, PatternId]]) -> dict[PatternId, list[PatternId]]:
    """Return which patterns to merge into which, given the pairs that belong together: into the oldest."""
    parents: dict[PatternId, PatternId] = {}

    def root(number: PatternId) -> PatternId:
        while (parent := parents.get(number, number)) != number:
            number = parent
        return number

    for one, other in pairs:
        older, newer = sorted((root(one), root(other)))
        if older != newer:
            parents[newer] = older
    merged: dict[PatternId, list[PatternId]] = {}
    for number in sorted(parents):
        merged.setdefault(root(number), []).append(number)
    return merged


def check_members(pattern: PatternId, others: Iterable[PatternId]) -> tuple[PatternId, ...]:
    """Return the patterns to merge into another, each once.

    Raises:
        ValidationError: there is none, or the pattern itself is among them.
    """
    listed = tuple(dict.fromkeys(others))
    if not listed:
        raise wrong("with", "expected the id of at least one other pattern")
    if pattern in listed:
        raise wrong("with", f"pattern {pattern} cannot be merged into itself")
    return listed


def check_groups(wanted: Iterable[str], present: Iterable[str], *, first: str) -> tuple[str, ...]:
    """Return the groups to split off, each once.

    Args:
        wanted: ids of groups, 32 hexadecimal digits.
        present: ids of all groups of the pattern.
        first: the group that gave the pattern its name, "" when it holds none such.

    Raises:
        ValidationError: none, all, or the first is wanted, or one that is not in the pattern.
    """
    listed, known = tuple(dict.fromkeys(wanted)), set(present)
    if not listed:
        raise wrong("groups", "expected the id of at least one group")
    if strange := [group for group in listed if group not in known]:
        raise wrong("groups", f"group {strange[0]} is not in this pattern")
    if first in listed:
        raise wrong("groups", "this group gave the pattern its name; split off the others instead")
    if len(listed) == len(known):
        raise wrong("groups", "at least one group has to stay")
    return listed


def wrong(path: str, message: str) -> ValidationError:
    """Return what tells that one field is wrong."""
    return ValidationError([FieldError(path=path, message=message)])


def in_the_way(pattern_id: PatternId) -> ConflictError:
    """Return what tells that a later merge or split comes before an undo."""
    return ConflictError(
        f"A later merge or split moved these errors to pattern {pattern_id}; undo that one first."
    )


def nothing_to_undo() -> NotFoundError:
    """Return what tells that there is no change to take back."""
    return NotFoundError("There is nothing to undo.")
