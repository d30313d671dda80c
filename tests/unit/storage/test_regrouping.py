"""Merging and splitting conserve every count, and an undo restores exactly, whatever came before."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from tests.regroupings import NOW, errors, held, steps, take

from error_manager.core.types import PatternStatus
from error_manager.storage.memory_queries import MemoryQueries
from error_manager.storage.regrouping import PatternState, caught_up, merged_state

AT = datetime(2026, 11, 1, tzinfo=UTC)
UNRESOLVED = PatternState()
RESOLVED = PatternState(status=PatternStatus.RESOLVED, resolved_at=AT)
IGNORED = PatternState(status=PatternStatus.IGNORED, ignore_until=AT)
FOR_EVER = PatternState(status=PatternStatus.IGNORED)


async def _check(sequence):
    stored = errors()
    store = MemoryQueries(stored)
    model = {group.group: row.id for row, groups in await held(store) for group in groups}
    seen = set(model.values())
    for step in sequence:
        before = await held(store)
        refusal, _ = await take(store, step)
        after = await held(store)
        placed = {group.group: row.id for row, groups in after for group in groups}
        if refusal:
            assert after == before
        # Each pattern says what its errors say.
        for row, groups in after:
            ids = {group.group for group in groups}
            mine = [error for error in stored if error.entry.fingerprint.group_id.hex() in ids]
            times = [error.event.timestamp for error in mine]
            assert (row.count, row.users) == (len(mine), len({error.user_key for error in mine}))
            assert (row.first_seen, row.last_seen) == (min(times), max(times))
            assert row.severity is max((e.entry.severity for e in mine), key=lambda severity: severity.rank)
        assert sum(row.count for row, _ in after) == len(stored)
        assert placed.keys() == model.keys()
        # Who is not part of a merge or split stays where he is.
        moved = {group for group in placed if placed[group] != model[group]}
        if not step[0].startswith(("merge", "split", "undo")):
            assert moved == set()
        if step[0] == "merge":
            assert len({placed[group] for group in moved}) <= 1
        # Every id that was ever known leads to a pattern that has errors.
        seen |= set(placed.values())
        live = set(placed.values())
        assert {(await store.pattern(number)).id for number in seen} <= live
        model = placed


async def _check_undo(sequence):
    store = MemoryQueries(errors())
    for step in sequence:
        before = await held(store)
        refusal, number = await take(store, step)
        if not refusal and step[0] != "undo":
            await store.undo(number, person_id=None, now=NOW)
            assert await held(store) == before
            await take(store, step)
    assert sum(row.count for row, _ in await held(store)) == len(errors())


@settings(max_examples=60, deadline=None)
@given(sequence=steps)
def test_sums_are_conserved(sequence):
    """Through any merges, splits, status changes and undos, each pattern says what its errors say."""
    asyncio.run(_check(sequence))


@settings(max_examples=60, deadline=None)
@given(sequence=steps)
def test_an_undo_restores_exactly(sequence):
    """Wherever one stands, a step and its undo change nothing."""
    asyncio.run(_check_undo(sequence))


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([RESOLVED, UNRESOLVED], UNRESOLVED),
        ([IGNORED, RESOLVED], RESOLVED),
        ([IGNORED, FOR_EVER], IGNORED),
        ([FOR_EVER, FOR_EVER], FOR_EVER),
        ([RESOLVED, PatternState(status=PatternStatus.RESOLVED, resolved_at=AT - timedelta(1))], RESOLVED),
        ([RESOLVED, PatternState(regressed_at=AT)], PatternState(regressed_at=AT)),
    ],
)
def test_the_most_watchful_state_counts(states, expected):
    """In whatever order the patterns are merged."""
    assert merged_state(states) == merged_state(reversed(states)) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (RESOLVED, PatternState(regressed_at=AT + timedelta(hours=1))),
        (IGNORED, UNRESOLVED),
        (FOR_EVER, FOR_EVER),
        (UNRESOLVED, UNRESOLVED),
    ],
)
def test_what_came_meanwhile_reopens(state, expected):
    """A state that an undo puts back is reopened by errors later than it, not by those it knew."""
    later = AT + timedelta(hours=1)
    assert caught_up(state, last_seen=later, known=AT) == expected
    assert caught_up(state, last_seen=later, known=later) == state
    assert caught_up(RESOLVED, last_seen=AT, known=AT - timedelta(1)) == RESOLVED
