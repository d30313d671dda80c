"""Families of patterns: groups by hand, the same in any order, ids that go on, names."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from error_manager.analysis.clustering import Family, families, family_name, group
from error_manager.analysis.similarity import Feature, FeatureKind, features_of
from error_manager.core.types import ErrorEvent, EventId, ExceptionInfo, Frame

K = FeatureKind


def key(number: int) -> tuple[int, int]:
    """Return a pattern of project 1."""
    return 1, number


def graph(*pairs: tuple[int, int, float]) -> dict[tuple[int, int], list[tuple[tuple[int, int], float]]]:
    """Return neighbours, each pair named once."""
    near: dict[tuple[int, int], list[tuple[tuple[int, int], float]]] = {}
    for one, other, value in pairs:
        near.setdefault(key(one), []).append((key(other), value))
    return near


def numbers(groups) -> list[list[int]]:
    """Return the ids of the patterns of each group."""
    return [[number for _, number in keys] for keys in groups]


def feature(kind: FeatureKind, text: str, weight: float = 1.0) -> Feature:
    """Return a feature."""
    return Feature(kind=kind, text=text, weight=weight)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ((), []),
        (((1, 2, 0.29),), []),
        (((1, 2, 0.3),), [[1, 2]]),
        (((1, 2, 0.8), (3, 4, 0.7), (2, 3, 0.4)), [[1, 2], [3, 4]]),  # mean .1
        (((1, 2, 0.9), (1, 3, 0.5), (2, 3, 0.4)), [[1, 2, 3]]),  # mean .45
        (((1, 2, 0.5), (2, 3, 0.45), (3, 4, 0.5), (4, 5, 0.45)), [[1, 2], [3, 4]]),  # a chain is no family
        (((2, 1, 0.1), (1, 2, 0.6)), [[1, 2]]),  # of two values the larger one
        (((1, 1, 1.0),), []),
    ],
)
def test_groups_by_hand(pairs, expected):
    """Groups join while the mean similarity of their members is large enough."""
    assert numbers(group(graph(*pairs))) == expected


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 14))
def test_it_is_average_linkage(seed, size):
    """With every pair known the groups are those of SciPy's average linkage, cut at the same height."""
    values = np.random.default_rng(seed).random((size, size))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1.0)
    labels = fcluster(linkage(squareform(1 - values), "average"), 0.5, "distance")
    expected = sorted(
        [int(member) for member in np.flatnonzero(labels == label)] for label in set(labels.tolist())
    )
    pairs = [(one, other, float(values[one, other])) for one in range(size) for other in range(one)]
    found = numbers(group(graph(*pairs), min_similarity=0.5))
    assert found == [members for members in expected if len(members) > 1]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_order_of_neighbours_does_not_matter(seed):
    """Groups depend on the graph alone, and each pattern is in one at most."""
    rnd = random.Random(seed)
    pairs = [(rnd.randrange(12), rnd.randrange(12), rnd.choice((0.2, 0.35, 0.5, 0.9))) for _ in range(30)]
    found = group(graph(*pairs))
    rnd.shuffle(pairs)
    assert group(graph(*pairs)) == found
    members = [member for keys in found for member in keys]
    assert len(members) == len(set(members))


def family(number: int, *members: int) -> Family:
    """Return a family of before."""
    return Family(id=key(number), name="", members=tuple(map(key, members)))


@pytest.mark.parametrize(
    ("groups", "previous", "expected"),
    [
        ([[1, 2], [3, 4, 5]], [], {3: [3, 4, 5], 1: [1, 2]}),
        ([[1, 2, 9]], [family(2, 1, 2)], {2: [1, 2, 9]}),  # it has grown
        ([[3, 4, 5]], [family(1, 1, 3, 4, 5)], {1: [3, 4, 5]}),  # its founder has left
        (
            [[1, 2], [3, 4, 5]],
            [family(1, 1, 2, 3, 4, 5)],
            {1: [3, 4, 5], 2: [1, 2]},
        ),  # split: the larger part
        ([[1, 2, 3, 4]], [family(1, 1, 2), family(3, 3, 4)], {1: [1, 2, 3, 4]}),  # merged: the first
        ([[1, 8], [2, 9]], [family(1, 1, 2)], {8: [1, 8], 2: [2, 9]}),  # half of it is not most of it
    ],
)
def test_ids_go_on(groups, previous, expected):
    """Whoever has most of a family of before keeps its id; others are named after a member."""
    keys = [tuple(map(key, members)) for members in groups]
    found = families(keys, {member: () for members in keys for member in members}, previous)
    assert {each.id[1]: [number for _, number in each.members] for each in found} == expected
    assert [len(each.members) for each in found] == sorted((len(keys) for keys in keys), reverse=True)


def test_ids_are_never_shared():
    """A group whose members all gave their ids away gets one that nobody has."""
    before = [family(7, 1, 2, 3), family(8, 4, 5, 6)]
    keys = [(key(1), key(2), key(3)), (key(4), key(5), key(6)), (key(7), key(8))]
    found = families(keys, {member: () for members in keys for member in members}, before)
    assert [each.id[1] for each in found] == [7, 8, -1]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (
            [
                [feature(K.TYPE, "TimeoutError"), feature(K.PLACE, "shop.db.run"), feature(K.WORD, "pool")],
                [feature(K.TYPE, "TimeoutError"), feature(K.PLACE, "shop.db.run"), feature(K.WORD, "query")],
            ],
            "TimeoutError in shop.db.run",
        ),
        (
            [
                [feature(K.TYPE, kind), feature(K.PLACE, place), feature(K.FRAME, "shop.db.run")]
                for kind, place in (("KeyError", "a.b"), ("TypeError", "a.c"), ("KeyError", "a.d"))
            ],
            "KeyError in shop.db.run",
        ),
        (
            [[feature(K.WORD, word) for word in ("disk", "full", "on", word)] for word in ("sda", "sdb")],
            "disk, full, on",
        ),
        ([[feature(K.MESSAGE, "no <*> left"), feature(K.LOGGER, "a")]] * 2, "no <*> left"),
        ([[feature(K.LOGGER, "a")], [feature(K.LOGGER, "a")]], "Alike in small things"),
    ],
)
def test_names(members, expected):
    """A family is named after what six of ten members have: type, place, message or words."""
    assert family_name(members) == expected


def test_a_name_of_real_features():
    """Patterns of one type in one layer, called from several places."""
    members = [
        features_of(
            ErrorEvent(
                event_id=EventId("0" * 32),
                timestamp=None,
                message="",
                exceptions=(
                    ExceptionInfo(
                        type="OperationalError",
                        value="connection pool exhausted",
                        frames=(
                            Frame(function=caller, module="shop.views"),
                            Frame(function="q", module="db"),
                        ),
                    ),
                ),
            )
        )
        for caller in ("cart", "order", "user")
    ]
    assert family_name(members) == "OperationalError in db.q: connection pool exhausted"
