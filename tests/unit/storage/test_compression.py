"""Bodies are compressed with their project's newest dictionary and opened with the one that made them."""

from __future__ import annotations

import json

import pytest

from error_manager.core.errors import StorageError
from error_manager.core.types import ProjectId
from error_manager.storage.compression import SHIPPED_DICTIONARY, TRAINING_SAMPLES, BodyCodec, train
from error_manager.storage.dictionaries import ProjectDictionaries

ONE, TWO = ProjectId(1), ProjectId(2)


def _body(number: int) -> bytes:
    frames = [
        {"function": f"place_{number % 7}", "module": "shop.orders", "lineno": line} for line in range(20)
    ]
    return json.dumps({"message": f"order {number * 7919} failed", "exceptions": frames}).encode()


def test_opens_what_it_compressed():
    """Round trip with the shipped dictionary."""
    codec = BodyCodec()
    dictionary_id, compressed = codec.compress(ONE, _body(1))
    assert dictionary_id == SHIPPED_DICTIONARY
    assert codec.decompress(ONE, dictionary_id, compressed) == _body(1)


def test_uses_the_projects_dictionary_and_still_opens_older_bodies():
    """A new dictionary changes new bodies of that project alone."""
    codec = BodyCodec()
    old = codec.compress(ONE, _body(1))
    codec.register(ONE, 1, train([_body(number) for number in range(TRAINING_SAMPLES)]))
    new = codec.compress(ONE, _body(2))
    assert (new[0], codec.compress(TWO, _body(2))[0]) == (1, SHIPPED_DICTIONARY)
    assert len(new[1]) < len(codec.compress(TWO, _body(2))[1])
    assert codec.decompress(ONE, *old) == _body(1)
    assert codec.decompress(ONE, *new) == _body(2)


def test_names_the_dictionary_that_is_missing():
    """An unknown dictionary is a storage error, not garbage."""
    with pytest.raises(StorageError, match="Dictionary 9 of project 1"):
        BodyCodec().decompress(ONE, 9, b"x")


def test_damaged_bodies_are_a_storage_error():
    """A flipped frame header is found."""
    with pytest.raises(StorageError, match="cannot be opened"):
        BodyCodec().decompress(ONE, SHIPPED_DICTIONARY, b"not zstd at all")


class _Kept:
    """A store of dictionaries in a list."""

    def __init__(self):
        self.rows = []

    async def dictionaries(self):
        return tuple(self.rows)

    async def add_dictionary(self, project_id, dictionary_id, content):
        self.rows.append((project_id, dictionary_id, content))


async def test_trains_once_there_are_enough_samples():
    """Below the number of samples nothing happens; at it one dictionary is stored and used."""
    codec, kept = BodyCodec(), _Kept()
    dictionaries = ProjectDictionaries(codec)
    for number in range(TRAINING_SAMPLES - 1):
        dictionaries.observe(ONE, _body(number))
    assert not await dictionaries.train(kept)
    dictionaries.observe(ONE, _body(TRAINING_SAMPLES))
    assert await dictionaries.train(kept)
    assert [(project, number) for project, number, _ in kept.rows] == [(ONE, 1)]
    assert codec.newest_id(ONE) == 1
    assert not await dictionaries.train(kept)


async def test_samples_of_no_use_are_a_storage_error_and_new_ones_are_collected():
    """A failed training neither ends anything else nor is tried again on the same samples."""
    codec, kept = BodyCodec(), _Kept()
    dictionaries = ProjectDictionaries(codec)
    for _ in range(TRAINING_SAMPLES):
        dictionaries.observe(ONE, b"")
    with pytest.raises(StorageError, match="No dictionary"):
        await dictionaries.train(kept)
    assert not await dictionaries.train(kept)
    assert kept.rows == []
