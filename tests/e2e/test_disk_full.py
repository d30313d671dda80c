"""A volume fills up under load: refusals are polite, nothing acknowledged is lost, and all mends itself."""

from __future__ import annotations

import pytest
from bench.disk_full import NORMAL_LIMIT_S, VOLUMES, run
from bench.volume import may_mount


@pytest.mark.slow
@pytest.mark.parametrize("volume", VOLUMES)
def test_a_full_volume_loses_nothing_and_mends_itself(require, volume):
    """Five seconds without room at 100 errors/s, then room again: no loss, 429 at worst, normal by itself."""
    require("a mount of tmpfs", "run the tests as root, where mounting is allowed", is_present=may_mount())
    found = run(volume, rate=100, before_s=2, full_s=5, after_s=1)
    assert found.books.faults == 0, found
    assert set(found.books.refused) <= {429}, found
    assert found.books.broken_connections == 0, found
    assert found.books.acknowledged > 0
    assert found.normal_after_s <= NORMAL_LIMIT_S
