"""What merging and splitting do to the state of patterns (ADR 0009). Pure; every store goes by it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from error_manager.core.errors import ConflictError, NotFoundError, ValidationError
from error_manager.core.types import FieldError, PatternId, PatternStatus


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
