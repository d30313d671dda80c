"""The errors of a pattern are found in their order, whatever hours and groups they are in."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.query_store_contract import error
from tests.integration.test_regrouping import run, some

from error_manager.core.ids import uuid7
from error_manager.core.types import ErrorId, PatternId
from error_manager.storage.base import ErrorFilter

HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)


def at(number: int, moment: datetime, *, group: int = 0):
    """Return an error of that time."""
    made = error(number, kind=0, hours_ago=0, group=group)
    return replace(
        made, error_id=ErrorId(uuid7(moment, os.urandom(10))), event=replace(made.event, timestamp=moment)
    )


def moments(seed: int, count: int) -> list[datetime]:
    """Return times within nine days, many on the borders of hours and days, many of them equal."""
    random_numbers = random.Random(seed)
    midnight = HOUR.replace(hour=0)
    found = []
    for _ in range(count):
        base = random_numbers.choice([HOUR, midnight]) - timedelta(hours=random_numbers.randrange(200))
        found.append(base + random_numbers.choice([-1, 0, 0, 1, 1_800_000_000]) * timedelta(microseconds=1))
    return found


@pytest.mark.parametrize("seed", range(3))
async def test_the_errors_of_a_pattern_are_met_one_after_the_other(store, queries, database, seed):
    """From the newest back and forth again, over groups, hours and days, as a list shows them."""
    random_numbers = random.Random(seed)
    stored = [at(n, moment, group=random_numbers.randrange(4)) for n, moment in enumerate(moments(seed, 60))]
    await store.commit(some(*stored))
    first, *others = [PatternId(row[0]) for row in run(database, "SELECT id FROM error_patterns ORDER BY id")]
    await queries.merge(first, tuple(others), person_id=None, now=datetime.now(UTC))
    expected = [e.error_id for e in sorted(stored, key=lambda e: (e.event.timestamp, e.error_id))]
    back = [await queries.latest_error(first)]
    while (previous := (await queries.error(back[-1])).previous_id) is not None:
        back.append(previous)
    assert back == expected[::-1]
    forth = [back[-1]]
    while (following := (await queries.error(forth[-1])).next_id) is not None:
        forth.append(following)
    assert forth == expected
    listed, cursor = [], None
    while True:
        page = await queries.list_errors(ErrorFilter(pattern_id=first), limit=7, cursor=cursor)
        listed += [row.id for row in page.items]
        if (cursor := page.next) is None:
            break
    assert listed == expected[::-1]
    since, until = expected[10], expected[50]
    times = {e.error_id: e.event.timestamp for e in stored}
    where = ErrorFilter(pattern_id=first, since=times[since], until=times[until])
    found = await queries.list_errors(where, limit=100, cursor=None)
    inside = [i for i in reversed(expected) if times[since] <= times[i] < times[until]]
    assert [row.id for row in found.items] == inside


async def test_hours_whose_errors_are_gone_are_passed_over(store, queries, database):
    """Retention removes errors and keeps what hours say."""
    old, new = HOUR - timedelta(days=40), HOUR - timedelta(days=20)
    stored = [at(n, moment) for n, moment in enumerate([old, old + timedelta(hours=3), new])]
    await store.commit(some(*stored, at(9, old, group=1)))
    await store.keep_house(
        today=HOUR.date(),
        retention=timedelta(days=30),
        minutes=timedelta(days=8),
        findings=timedelta(days=400),
    )
    patterns = [PatternId(row[0]) for row in run(database, "SELECT id FROM error_patterns ORDER BY id")]
    kept = {await queries.latest_error(pattern) for pattern in patterns}
    assert kept == {stored[2].error_id, None}
    assert (await queries.error(stored[2].error_id)).previous_id is None
