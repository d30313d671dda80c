"""The processes of a running product, as people see them."""

from __future__ import annotations

import psutil
import pytest

from error_manager.runtime.fork import HAS_FORK
from error_manager.runtime.host import host_facts


def test_each_process_is_shown_by_what_it_does(product) -> None:
    """The supervisor, two of each that share the work, and one of each other kind; PostgreSQL beside them."""
    names = [each.name for each in host_facts(product.folder).processes]
    ours = sorted(name for name in names if not name.startswith(("postgres", "analysis-hour")))
    assert ours == ["analysis", "index", "serve 0", "serve 1", "supervisor", "worker 0", "worker 1"]
    assert "postgres" in names


@pytest.mark.skipif(not HAS_FORK, reason="processes are not copied here")
def test_processes_share_what_they_have_loaded(product) -> None:
    """Each copy takes less than half of what it would take alone, and what it shares has one thread to copy."""
    sizes = {each.name: (each.pid, each.memory_bytes) for each in host_facts(product.folder).processes}
    supervisor = psutil.Process(sizes["supervisor"][0])
    assert supervisor.num_threads() == 1
    for name in ("serve 0", "serve 1", "worker 0", "worker 1"):
        pid, shared = sizes[name]
        assert shared < psutil.Process(pid).memory_info().rss / 2
