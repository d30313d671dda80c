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
def test_processes_are_copies_of_a_process_with_one_thread(product) -> None:
    """They run what the supervisor has loaded; more threads than one would make copying unsafe."""
    (supervisor,) = map(psutil.Process, product.pids)
    titles = {(child.cmdline() or [""])[0] for child in supervisor.children()}
    assert {"error-manager: serve 0", "error-manager: worker 1", "error-manager: index"} <= titles
    assert supervisor.num_threads() == 1
