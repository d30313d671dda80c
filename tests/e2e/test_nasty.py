"""Thousands of mutated requests to the running product: nothing breaks, nothing is lost, all is readable."""

from __future__ import annotations

import os

import pytest
from bench.nasty import drain, process_ids, read_all, send

COUNT = int(os.environ.get("TESTS_NASTY_COUNT", "2000"))
SEED = 20


@pytest.mark.slow
@pytest.mark.timeout(60 + COUNT // 5)
def test_mutated_requests(project, product):
    """No 5xx, no process ends, each item has one outcome, each stored error is readable everywhere."""
    before = process_ids(product)
    sent = send(product, key=project.key, project=project.id, seed=SEED, count=COUNT)
    books = drain(product, project.id)
    assert sent.faults == []
    assert sum(sent.statuses.values()) == COUNT
    assert set(sent.statuses) <= {200, 400, 413, 415, 422}
    assert (books["waiting"], books["unexplained"]) == (0, 0)
    assert books["received"] == sum(books["outcomes"].values())
    assert books["outcomes"]["dead_letter"] == 0
    assert books["outcomes"]["accepted"] > COUNT / 4

    read = read_all(product, project.id, every=10)
    assert read.faults == []
    assert read.errors == books["outcomes"]["accepted"]
    stored = {error["event_id"] for error in project.errors()}
    not_stored = books["outcomes"]["invalid"] + books["outcomes"]["filtered"]
    assert len(sent.ids - stored) <= not_stored
    assert process_ids(product) == before
