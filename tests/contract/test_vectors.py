"""Every index keeps the contract: the twin, the embedded engine, the same over a socket, a Qdrant server.

The server is the client library's own, in memory: a real one is not to be had where tests run.
"""

from __future__ import annotations

import msgspec
import pytest
from qdrant_client import AsyncQdrantClient
from tests.contract.pattern_source_contract import PatternSourceContract
from tests.contract.rule_store_contract import errors
from tests.contract.vector_index_contract import VectorIndexContract

from error_manager.core.encoding import event_to_json
from error_manager.core.types import PatternId
from error_manager.runtime.index import Desk, listening
from error_manager.storage.memory_vectors import MemorySamples, MemoryVectors
from error_manager.storage.qdrant.edge import EdgeVectors
from error_manager.storage.qdrant.remote import RemoteVectors
from error_manager.storage.qdrant.server import ServerVectors
from error_manager.storage.vectors import PatternKey, PatternSample


class TestMemorySamples(PatternSourceContract):
    """The twin of where patterns come from."""

    @pytest.fixture
    def source(self):
        """Return the contract's errors, the newest of each pattern."""
        newest = {error.entry.fingerprint.hash: error for error in errors()}
        return MemorySamples(
            *(
                PatternSample(
                    key=PatternKey(error.project_id, PatternId(number)),
                    body=msgspec.json.encode(event_to_json(error.event)),
                    title=error.entry.title,
                    message=error.event.message,
                )
                for number, error in enumerate(newest.values(), 1)
            )
        )


class TestMemoryVectors(VectorIndexContract):
    """The twin."""

    @pytest.fixture
    def index(self):
        """Return an empty one."""
        return MemoryVectors()


class TestEdgeVectors(VectorIndexContract):
    """The embedded engine."""

    @pytest.fixture
    def index(self, tmp_path):
        """Return one in a new folder."""
        index = EdgeVectors.open(tmp_path)
        yield index
        index.close()


class TestRemoteVectors(VectorIndexContract):
    """The embedded engine behind a socket."""

    @pytest.fixture
    async def index(self, tmp_path):
        """Return the way to one that listens in this process."""
        engine = EdgeVectors.open(tmp_path / "qdrant")
        async with listening(tmp_path / "s", Desk(engine)):
            index = RemoteVectors(tmp_path / "s")
            yield index
            await index.close()
        engine.close()


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")
class TestServerVectors(VectorIndexContract):
    """A Qdrant server."""

    @pytest.fixture
    async def index(self):
        """Return a new collection of a server in memory."""
        index = ServerVectors(AsyncQdrantClient(location=":memory:"))
        await index.prepare()
        await index.prepare()  # it is there already
        yield index
        await index.close()
