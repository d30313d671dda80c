"""The in-memory error store keeps the contract."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.contract.error_store_contract import ErrorStoreContract

from error_manager.storage.memory_errors import MemoryErrorStore


class TestMemoryErrorStore(ErrorStoreContract):
    """The twin."""

    @pytest.fixture
    def store(self):
        return MemoryErrorStore()

    async def outcomes(self, store):
        totals = Counter()
        for key, quantity in store.outcomes.items():
            totals[key[3]] += quantity
        return {kind: quantity for kind, quantity in totals.items() if quantity}
