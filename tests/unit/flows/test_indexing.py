"""Indexing and asking: what comes into the index and goes, similar patterns, errors like a text, no index."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from tests.contract.rule_store_contract import event

from error_manager.analysis.similarity import FeatureKind
from error_manager.core.encoding import event_to_json
from error_manager.core.errors import IndexUnavailableError, NotFoundError
from error_manager.core.types import PatternId, ProjectId
from error_manager.flows.families import find_families
from error_manager.flows.indexing import (
    Caught,
    catch_up,
    event_of,
    index_patterns,
    rebuild,
    search_like,
    similar_to,
)
from error_manager.flows.services import IndexServices
from error_manager.storage.memory_vectors import MemorySamples, MemoryVectors
from error_manager.storage.vectors import MAX_POINTS, PatternKey, PatternSample

ONE, TWO = ProjectId(1), ProjectId(2)
TRACE = """Traceback (most recent call last):
  File "/srv/shop/cart.py", line 12, in save
    return pay(order)
  File "/srv/shop/cart.py", line 3, in pay
    raise ValueError(order)
ValueError: order A is lost
"""


class NoVectors(MemoryVectors):
    """An index that is away."""

    async def query(self, vector, **more):
        raise IndexUnavailableError


def key(number: int, project: ProjectId = ONE) -> PatternKey:
    """Return a key."""
    return PatternKey(project, PatternId(number))


def sample(number: int, kind: str, place: str, project: ProjectId = ONE) -> PatternSample:
    """Return what a pattern of one type and function is indexed by."""
    body = msgspec.json.encode(event_to_json(event(number, kind=kind, place=place)))
    return PatternSample(key=key(number, project), body=body, title=kind, message=f"{kind}: order A is lost")


SAMPLES = (
    sample(1, "ValueError", "pay"),
    sample(2, "KeyError", "pay"),
    sample(3, "ValueError", "load"),
    sample(4, "ValueError", "pay", TWO),
    PatternSample(key=key(5), body=b"", title="", message="the disk of db-7 is full"),
)


@pytest.fixture
def svc():
    """Return services over the samples and an empty index."""
    return IndexServices(index=MemoryVectors(), source=MemorySamples(*SAMPLES))


async def test_what_is_missing_comes_and_what_is_gone_goes(svc):
    """The index is brought to hold exactly the patterns there are; again there is nothing to do."""
    assert await catch_up(svc) == Caught(added=5, removed=0)
    assert await svc.index.keys() == {sample.key for sample in SAMPLES}
    fewer = IndexServices(index=svc.index, source=MemorySamples(*SAMPLES[1:]))
    assert await catch_up(fewer) == Caught(added=0, removed=1)
    assert await svc.index.keys() == {sample.key for sample in SAMPLES[1:]}
    assert await catch_up(fewer) == Caught(added=0, removed=0)


async def test_a_rebuild_begins_anew(svc):
    """Everything is indexed again, and told about."""
    await catch_up(svc)
    told = []

    async def tell(done):
        told.append(done)

    assert await rebuild(svc, told=tell) == Caught(added=5, removed=0)
    assert told == [5]


async def test_many_are_indexed_in_parts():
    """No part is larger than what others should wait for."""
    many = [replace(SAMPLES[4], key=key(number)) for number in range(1, MAX_POINTS + 3)]
    svc = IndexServices(index=MemoryVectors(), source=MemorySamples(*many))
    told = []

    async def tell(done):
        told.append(done)

    gone = key(9_999_999)
    assert await index_patterns(svc, [*(one.key for one in many), gone], told=tell) == MAX_POINTS + 2
    assert told == [MAX_POINTS, MAX_POINTS + 2]


async def test_similar_patterns_with_reasons(svc):
    """The same function with another type is nearer than the same type elsewhere; the asked one is no hit."""
    await catch_up(svc)
    answer = await similar_to(svc, key(1), project_ids=(ONE,), limit=5)
    assert not answer.is_degraded
    assert [similar.key for similar in answer.patterns] == [key(2), key(3)]
    assert [feature.kind for feature in answer.patterns[0].shared][:2] == [
        FeatureKind.MESSAGE,
        FeatureKind.PLACE,
    ]
    everywhere = await similar_to(svc, key(1), limit=1)
    assert [(similar.key, similar.similarity) for similar in everywhere.patterns] == [
        (key(4, TWO), pytest.approx(1.0))
    ]


async def test_an_unknown_pattern_is_named(svc):
    """Asking about a pattern that is not there is an error of the one who asks."""
    with pytest.raises(NotFoundError, match="no pattern 77 in project 1"):
        await similar_to(svc, key(77), limit=5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TRACE, key(1)),
        ("ValueError: order B is lost", key(1)),
        ("disk full", key(5)),
        ("KeyError", key(2)),
        ("shop.cart.load", key(3)),
        ("pay KeyError", key(2)),
        ("  the disk of db-8 is full\n", key(5)),
    ],
)
async def test_errors_like_a_text(svc, text, expected):
    """A trace, the line of an exception, a message and words find what they tell of."""
    await catch_up(svc)
    answer = await search_like(svc, text, project_ids=(ONE,), limit=3)
    assert answer.patterns[0].key == expected
    assert 0.0 < answer.patterns[0].similarity <= 1.0


@pytest.mark.parametrize("text", ["", "   ", "zzz qqq", "\x00" * 50_000, "\ud800"])
async def test_a_text_that_says_nothing(svc, text):
    """Nothing is found, and nothing fails."""
    await catch_up(svc)
    assert (await search_like(svc, text, limit=3)).patterns == ()


async def test_without_an_index_the_answer_is_degraded():
    """Pages and the API go on without similar errors, and can say so."""
    svc = IndexServices(index=NoVectors(), source=MemorySamples(*SAMPLES))
    for answer in (await similar_to(svc, key(1), limit=3), await search_like(svc, "disk", limit=3)):
        assert (answer.patterns, answer.is_degraded) == ((), True)


@pytest.mark.parametrize(
    ("message", "kind"), [("KeyError: 'a'", "KeyError"), ("net.Timeout: 3", None), ("full: no space", None)]
)
def test_a_pattern_without_errors_is_known_by_its_message(message, kind):
    """When retention took its last error, type and message are told by what the pattern says."""
    found = event_of(PatternSample(key=key(1), body=b"", title="", message=message, platform="python"))
    assert (found.raised.type if found.raised else None) == kind
    assert (found.message, found.platform) == (message, "python")


async def test_families(svc):
    """Neighbours within a project, and families with names; a pattern that is gone is left out."""
    await catch_up(svc)
    found = await find_families(svc, [*(sample.key for sample in SAMPLES), key(77)])
    assert set(found.neighbours) == {sample.key for sample in SAMPLES}
    assert [similar.key for similar in found.neighbours[key(4, TWO)]] == []
    (family,) = found.families
    assert (family.members, family.name) == (
        (key(1), key(2), key(3)),
        "ValueError in shop.cart.pay: order A is lost",
    )
    again = await find_families(svc, [key(2), key(3)], previous=found.families)
    assert [each.id for each in again.families] == [family.id]
