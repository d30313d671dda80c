"""What every index of pattern vectors must do; subclasses give the ``index`` fixture, empty."""

from __future__ import annotations

from math import log

import pytest

from error_manager.analysis.similarity import SparseVector
from error_manager.core.types import PatternId, ProjectId
from error_manager.storage.vectors import PatternKey, VectorPoint

ONE = ProjectId(1)
TWO = ProjectId(2**31 - 1)
LAST = PatternId(2**31 - 1)


def key(number: int, project: ProjectId = ONE) -> PatternKey:
    """Return a key."""
    return PatternKey(project, PatternId(number))


def vector(**values: float) -> SparseVector:
    """Return a vector by name of dimension: ``a`` is 0, ``z`` the largest there is."""
    pairs = sorted(
        (4_294_967_295 if name == "z" else ord(name) - 97, value) for name, value in values.items()
    )
    return SparseVector(tuple(index for index, _ in pairs), tuple(value for _, value in pairs))


def point(number: int, project: ProjectId = ONE, **values: float) -> VectorPoint:
    """Return a point with the vector of these values."""
    return VectorPoint(key=key(number, project), vector=vector(**values))


class VectorIndexContract:
    """The suite."""

    async def test_an_empty_index_finds_nothing(self, index):
        """Nothing is found in an empty index, which has no keys."""
        assert await index.query(vector(a=1.0), limit=10) == ()
        assert (await index.count(), await index.keys()) == (0, frozenset())

    async def test_scores_are_products_with_the_idf(self, index):
        """A hit's score is the product of the vectors, each dimension times ln((N-n+.5)/(n+.5)+1)."""
        await index.upsert([point(1, a=1.0, b=0.5), point(2, a=2.0), point(3, c=1.0, z=1.0)])
        rare = log((3 - 1 + 0.5) / (1 + 0.5) + 1)
        common = log((3 - 2 + 0.5) / (2 + 0.5) + 1)
        hits = await index.query(vector(a=1.0, b=2.0, z=3.0), limit=10)
        assert [(hit.key, hit.score) for hit in hits] == [
            (key(3), pytest.approx(3 * rare, rel=1e-5)),
            (key(1), pytest.approx(common + rare, rel=1e-5)),
            (key(2), pytest.approx(2 * common, rel=1e-5)),
        ]

    async def test_hits_bring_their_vectors(self, index):
        """The vector of a hit is the one that was put, with its dimensions in rising order."""
        await index.upsert([point(1, z=0.25, a=0.5)])
        (hit,) = await index.query(vector(a=1.0), limit=1)
        assert hit.vector == vector(a=0.5, z=0.25)

    async def test_the_limit_takes_the_best(self, index):
        """Only as many hits as asked for come back, the best ones."""
        await index.upsert([point(number, a=float(number)) for number in range(1, 8)])
        hits = await index.query(vector(a=1.0), limit=3)
        assert [hit.key.pattern_id for hit in hits] == [7, 6, 5]

    async def test_projects_keep_to_themselves(self, index):
        """Only patterns of the named projects are found; ids may be equal in two projects, and large."""
        await index.upsert([point(1, a=1.0), point(1, TWO, a=2.0), point(LAST, TWO, a=3.0)])
        found = {
            names: [hit.key for hit in await index.query(vector(a=1.0), project_ids=names, limit=9)]
            for names in ((), (ONE,), (TWO,), (ONE, TWO), (ProjectId(3),))
        }
        everything = [key(LAST, TWO), key(1, TWO), key(1)]
        assert found == {
            (): everything,
            (ONE,): [key(1)],
            (TWO,): [key(LAST, TWO), key(1, TWO)],
            (ONE, TWO): everything,
            (ProjectId(3),): [],
        }

    async def test_the_asked_pattern_can_be_left_out(self, index):
        """An excluded pattern is no hit, and takes no place among them."""
        await index.upsert([point(1, a=2.0), point(2, a=1.0), point(1, TWO, a=0.5)])
        hits = await index.query(vector(a=1.0), limit=2, exclude=key(1))
        assert [hit.key for hit in hits] == [key(2), key(1, TWO)]

    async def test_a_point_is_replaced(self, index):
        """Putting a point again replaces it whole."""
        await index.upsert([point(1, a=1.0, b=1.0)])
        await index.upsert([point(1, c=1.0)])
        assert await index.query(vector(a=1.0, b=1.0), limit=5) == ()
        assert [hit.key for hit in await index.query(vector(c=1.0), limit=5)] == [key(1)]
        assert await index.count() == 1

    async def test_a_deleted_point_is_gone(self, index):
        """A deleted point is found no more; deleting what is not there is no error."""
        await index.upsert([point(1, a=1.0), point(2, a=1.0)])
        await index.delete([key(1), key(9)])
        await index.delete([])
        assert [hit.key for hit in await index.query(vector(a=1.0), limit=5)] == [key(2)]
        assert await index.keys() == {key(2)}

    async def test_keys_are_those_of_all_projects(self, index):
        """Every point has a key, also one whose vector has no dimension."""
        await index.upsert([point(1, a=1.0), point(7, TWO), point(LAST, TWO, b=1.0)])
        assert await index.keys() == {key(1), key(7, TWO), key(LAST, TWO)}
        assert await index.count() == 3

    async def test_nothing_is_found_without_a_dimension(self, index):
        """A vector without dimensions finds nothing."""
        await index.upsert([point(1, a=1.0), point(2)])
        assert await index.query(vector(), limit=5) == ()

    async def test_a_cleared_index_is_as_new(self, index):
        """After ``clear`` there are no points, and new ones can be put."""
        await index.upsert([point(1, a=1.0)])
        await index.clear()
        assert await index.keys() == frozenset()
        await index.upsert([point(2, a=1.0)])
        assert [hit.key for hit in await index.query(vector(a=1.0), limit=5)] == [key(2)]

    async def test_many_points_at_once(self, index):
        """More points than one frame or page holds are all put and all named."""
        await index.upsert([point(number, a=1.0, b=float(number)) for number in range(1, 1_203)])
        assert len(await index.keys()) == await index.count() == 1_202
        (hit,) = await index.query(vector(b=1.0), limit=1)
        assert hit.key == key(1_202)
