"""How much relations look at."""

from __future__ import annotations

import pytest

from error_manager.flows.relations import newest_of


@pytest.mark.parametrize(
    ("patterns", "newest"),
    [(0, 3_000), (1, 3_000), (2_000, 3_000), (4_000, 1_500), (60_000, 100), (1_000_000, 100)],
)
def test_of_many_patterns_fewer_errors_of_each_are_looked_at(patterns, newest):
    """Six million in all, as long as a hundred of each are fewer."""
    assert newest_of(patterns) == newest
