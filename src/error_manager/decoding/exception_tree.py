"""Repairs the tree that exception ids draw, so that whoever walks it ends (seed box: Error Wrapper)."""

from __future__ import annotations

from dataclasses import replace

from error_manager.core.types import ExceptionInfo
from error_manager.decoding.reader import FieldReader


def repair_tree(exceptions: tuple[ExceptionInfo, ...], reader: FieldReader) -> tuple[ExceptionInfo, ...]:
    """Return the exceptions with unique ids and parents that exist and lead to a root.

    Clients send duplicates, cycles, exceptions that are their own parent, and parents that are missing (also
    because the chain was cut). A duplicate loses its id, a bad link is removed; each is noted.
    """
    if all(each.parent_id is None and each.exception_id is None for each in exceptions):
        return exceptions
    repaired: list[ExceptionInfo] = []
    parents: dict[int, int | None] = {}
    for place, exception in enumerate(exceptions):
        if exception.exception_id is None:
            repaired.append(exception)
        elif exception.exception_id in parents:
            reader.note(f"exceptions.{place}.exception_id", "dropped: used twice")
            repaired.append(replace(exception, exception_id=None, parent_id=None))
        else:
            parents[exception.exception_id] = exception.parent_id
            repaired.append(exception)
    for place, exception in enumerate(repaired):
        if exception.parent_id is not None and not _is_sound(exception, parents):
            reader.note(f"exceptions.{place}.parent_id", "dropped: leads to no root")
            repaired[place] = replace(exception, parent_id=None)
            if exception.exception_id is not None:
                parents[exception.exception_id] = None
    return tuple(repaired)


def _is_sound(exception: ExceptionInfo, parents: dict[int, int | None]) -> bool:
    """Return whether the parent exists and is no descendant (a cycle further up is cut at its members)."""
    step = exception.parent_id
    if step not in parents:
        return False
    seen: set[int] = set()
    while step is not None and step not in seen:
        if step == exception.exception_id:
            return False
        seen.add(step)
        step = parents.get(step)
    return True
