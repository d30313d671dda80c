"""The database goes away for a while: everything is accepted, pages say so, and all of it is stored later."""

from __future__ import annotations

import pytest
from bench.database import Database
from bench.outage import DRAIN_LIMIT_S, run
from bench.product import Product


@pytest.mark.slow
def test_an_outage_of_the_database_refuses_and_loses_nothing(tmp_path, free_port):
    """Six seconds without PostgreSQL at 100 errors/s: no refusal, readable 503s, drained when it is back."""
    folder = tmp_path / "all"
    folder.mkdir()
    with Database(folder / "database") as database:
        database.serve(folder / "data")
        with Product(folder / "data", free_port) as product:
            found = run(product, database, rate=100, before_s=2, away_s=6, after_s=1)
    assert found.books.faults == 0, found
    assert (found.books.refused, found.books.broken_connections) == ({}, 0)
    assert found.accepted_while_away > 0
    assert found.answers, "nobody looked"
    assert found.unreadable == []
    assert found.drained_s <= DRAIN_LIMIT_S
