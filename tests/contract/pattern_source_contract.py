"""What every source of patterns to index must do, over ``rule_store_contract.errors()`` in project 1."""

from __future__ import annotations

from error_manager.core.types import PatternId, ProjectId
from error_manager.decoding.stored import decode_grouped
from error_manager.storage.vectors import PatternKey


class PatternSourceContract:
    """Subclasses give the fixture ``source``: six patterns in project 1, none in project 2."""

    async def test_every_pattern_is_named(self, source):
        """All patterns of all projects have a key."""
        keys = await source.patterns()
        assert len(keys) == 6
        assert {key.project_id for key in keys} == {ProjectId(1)}

    async def test_samples_are_errors_of_their_patterns(self, source):
        """Each sample is an error of its pattern; each of the six is another place and type."""
        keys = sorted(await source.patterns())
        samples = await source.samples(keys[::-1])
        assert [sample.key for sample in samples] == keys
        found = set()
        for sample in samples:
            event = decode_grouped(sample.body)
            assert (event.raised.type, event.message) == (sample.title, sample.message)
            found.add((event.raised.type, event.raised.frames[0].function))
        assert len(found) == 6

    async def test_what_is_not_there_is_left_out(self, source):
        """Unknown patterns and projects have no sample."""
        known = min(await source.patterns())
        asked = [
            known,
            PatternKey(known.project_id, PatternId(9_999)),
            PatternKey(ProjectId(2), PatternId(1)),
        ]
        assert [sample.key for sample in await source.samples(asked)] == [known]
        assert await source.samples([]) == ()
