"""Trains one zstd dictionary per project from its first masked bodies (seed box: Persistence Layer)."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from error_manager.core.types import ProjectId
from error_manager.storage.compression import SHIPPED_DICTIONARY, TRAINING_SAMPLES, BodyCodec, train

_MAX_SAMPLE_BYTES: Final = 64 * 1024
_MAX_PROJECTS_IN_TRAINING: Final = 4
_FIRST_ID: Final = 1


class DictionaryStore(Protocol):
    """Where dictionaries are kept."""

    async def dictionaries(self) -> tuple[tuple[ProjectId, int, bytes], ...]:
        """Return every project dictionary as (project, id, content)."""
        ...

    async def add_dictionary(self, project_id: ProjectId, dictionary_id: int, content: bytes) -> None:
        """Keep a dictionary; the first of an id wins."""
        ...


class ProjectDictionaries:
    """Samples bodies of projects without a dictionary and trains when there are enough.

    Bodies over 64 kB and projects beyond the fourth in training are passed over: memory stays under 160 MB
    at the very worst and is about 10 MB for one project of usual errors.
    """

    def __init__(self, codec: BodyCodec) -> None:
        """Keep the codec that uses the dictionaries."""
        self._codec = codec
        self._samples: dict[ProjectId, list[bytes]] = {}

    def observe(self, project_id: ProjectId, body: bytes) -> None:
        """Keep a sample while the project has no dictionary of its own."""
        if self._codec.newest_id(project_id) != SHIPPED_DICTIONARY or len(body) > _MAX_SAMPLE_BYTES:
            return
        samples = self._samples.get(project_id)
        if samples is None:
            if len(self._samples) >= _MAX_PROJECTS_IN_TRAINING:
                return
            samples = self._samples[project_id] = []
        if len(samples) < TRAINING_SAMPLES:
            samples.append(body)

    @property
    def is_ready(self) -> bool:
        """Return whether a project without a dictionary has enough samples."""
        return any(len(samples) >= TRAINING_SAMPLES for samples in self._samples.values())

    async def load(self, store: DictionaryStore) -> None:
        """Register every kept dictionary."""
        for project_id, dictionary_id, content in await store.dictionaries():
            if not self._codec.knows(project_id, dictionary_id):
                self._codec.register(project_id, dictionary_id, content)
            self._samples.pop(project_id, None)

    async def train(self, store: DictionaryStore) -> bool:
        """Train one project that has enough samples; return whether there was one.

        The dictionary is stored before the first body uses it, and read back: of two workers the first wins.

        Raises:
            StorageError: these samples are of no use, or the database refuses; new ones are collected.
        """
        for project_id, samples in tuple(self._samples.items()):
            if len(samples) >= TRAINING_SAMPLES:
                del self._samples[project_id]
                content = await asyncio.to_thread(train, samples)
                await store.add_dictionary(project_id, _FIRST_ID, content)
                await self.load(store)
                return True
        return False
