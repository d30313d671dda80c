"""The in-memory source of the analysis keeps the contract; that of PostgreSQL does in tests/integration."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.contract.analysis_source_contract import ONE, SPANS, START, TWO, AnalysisSourceContract, errors

from error_manager.analysis.risk import effective_weight
from error_manager.core.types import PatternId
from error_manager.storage.memory_analysis_source import MemoryAnalysisSource


class TestMemoryAnalysisSource(AnalysisSourceContract):
    """The twin."""

    @pytest.fixture
    def source(self):
        """Return the contract's errors, one pattern per group."""
        kept = errors()
        groups = dict.fromkeys(error.entry.fingerprint.group_id for error in kept)
        homes = {group: PatternId(number) for number, group in enumerate(groups, 1)}
        return MemoryAnalysisSource(kept, projects={TWO: 1, ONE: 1}, homes=homes, spans=SPANS)

    @pytest.fixture
    def weigh(self, source):
        """Return what sets weights."""

        async def weigh(project_id, *, project, patterns):
            for fact in await source.patterns(project_id, since=START - timedelta(days=9)):
                weight = effective_weight(project, patterns.get(fact.id, 1.0))
                source.weights[project_id, fact.id] = weight

        return weigh
