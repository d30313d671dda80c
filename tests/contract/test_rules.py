"""The in-memory rules keep the contract; the PostgreSQL ones do in tests/integration/test_rules.py."""

from __future__ import annotations

import pytest
from tests.contract.rule_store_contract import ONE, TWO, RuleStoreContract, errors

from error_manager.storage.memory_rules import MemoryRules


class TestMemoryRules(RuleStoreContract):
    """The twin."""

    @pytest.fixture
    def store(self):
        """Return rules over the contract's errors."""
        return MemoryRules(errors(), project_ids=(ONE, TWO))
