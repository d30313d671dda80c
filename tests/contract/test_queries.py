"""The in-memory queries keep the contract; the PostgreSQL ones do in tests/integration/test_queries.py."""

from __future__ import annotations

import pytest
from tests.contract.query_store_contract import SPANS, QueryStoreContract, analyses, errors, listed
from tests.contract.regrouping_contract import RegroupingContract

from error_manager.storage.memory_queries import MemoryQueries


class TestMemoryQueries(QueryStoreContract, RegroupingContract):
    """The twin."""

    @pytest.fixture
    async def store(self):
        """Return queries over the contract's errors."""
        told = {}
        store = MemoryQueries(errors(), spans=SPANS, analyses=told)
        told.update(analyses(await listed(store)))
        return store
