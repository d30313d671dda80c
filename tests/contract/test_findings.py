"""The in-memory findings keep the contract; those of PostgreSQL do in tests/integration/test_findings.py."""

from __future__ import annotations

import pytest
from tests.contract.finding_store_contract import PATTERNS, FindingStoreContract

from error_manager.analysis.risk import effective_weight
from error_manager.storage.findings import Fix
from error_manager.storage.memory_findings import MemoryFindings


class TestMemoryFindings(FindingStoreContract):
    """The twin."""

    @pytest.fixture
    def store(self):
        """Return an empty store that knows the contract's patterns."""
        return MemoryFindings(PATTERNS)

    @pytest.fixture
    def resolve(self, store):
        """Return what resolves a pattern."""

        async def resolve(pattern_id, *, note, release, now):
            store.resolved[pattern_id] = Fix(pattern_id=pattern_id, at=now, note=note, release=release)

        return resolve

    @pytest.fixture
    def weigh(self, store):
        """Return what sets weights."""

        async def weigh(project_id, *, project, patterns):
            mine = [number for number, owner in PATTERNS.items() if owner == project_id]
            store.weights |= {n: effective_weight(project, patterns.get(n, 1.0)) for n in mine}

        return weigh
