"""Repair of the tree that exception ids draw."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.types import ExceptionInfo
from error_manager.decoding.exception_tree import repair_tree
from error_manager.decoding.reader import FieldReader

Ids = list[tuple[int | None, int | None]]


def repair(ids: Ids) -> tuple[Ids, int]:
    """Return the repaired (id, parent) pairs and the number of notes."""
    reader = FieldReader()
    chain = tuple(ExceptionInfo(type="A", exception_id=own, parent_id=parent) for own, parent in ids)
    return [(each.exception_id, each.parent_id) for each in repair_tree(chain, reader)], len(reader.notes)


@pytest.mark.parametrize(
    ("ids", "expected", "notes"),
    [
        ([], [], 0),
        ([(None, None), (None, None)], [(None, None), (None, None)], 0),
        ([(2, 0), (1, 0), (0, None)], [(2, 0), (1, 0), (0, None)], 0),
        ([(0, 0)], [(0, None)], 1),
        ([(0, 1), (1, 2), (2, 0)], [(0, None), (1, 2), (2, 0)], 1),
        ([(3, 0), (0, 1), (1, 0)], [(3, 0), (0, None), (1, 0)], 1),
        ([(0, None), (0, None), (1, 0)], [(0, None), (None, None), (1, 0)], 1),
        ([(1, 9), (2, 1)], [(1, None), (2, 1)], 1),
        ([(None, 0), (0, None)], [(None, 0), (0, None)], 0),
    ],
    ids=["none", "chain", "tree", "own parent", "cycle", "cycle above", "twice", "no root", "parent only"],
)
def test_broken_links_are_removed(ids: Ids, expected: Ids, notes: int) -> None:
    """Sound trees stay; of broken ones only the broken link goes, with a note."""
    assert repair(ids) == (expected, notes)


@given(st.lists(st.tuples(st.none() | st.integers(0, 5), st.none() | st.integers(0, 5)), max_size=8))
def test_every_walk_ends(ids: Ids) -> None:
    """After the repair ids are unique and each walk up reaches a root; a second one changes nothing."""
    repaired, _ = repair(ids)
    parents = {own: parent for own, parent in repaired if own is not None}
    assert len(parents) == sum(own is not None for own, _ in repaired)
    for _, parent in repaired:
        step, steps = parent, 0
        while step is not None:
            step, steps = parents[step], steps + 1
            assert steps <= len(parents)
    assert repair(repaired) == (repaired, 0)
