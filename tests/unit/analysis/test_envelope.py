"""A series in a bounded number of slices keeps every value's part in lowest, highest and mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.envelope import MAX_SLICES, Envelope


def test_slices_by_hand():
    """Two values in one millisecond are one slice; asked for fewer, neighbors are joined."""
    envelope = Envelope()
    for at_s, value in ((10.0, 1.0), (10.0004, 3.0), (10.0015, 5.0)):
        envelope.add(at_s, value)
    assert [(each.start_s, each.count, each.low, each.high, each.mean) for each in envelope.slices()] == [
        (10.0, 2, 1.0, 3.0, 2.0),
        (10.001, 1, 5.0, 5.0, 5.0),
    ]
    assert [(each.count, each.total) for each in envelope.slices(1)] == [(3, 9.0)]


@given(
    st.lists(
        st.tuples(st.floats(-1e10, 1e10), st.floats(-1e6, 1e6)),
        min_size=1,
        max_size=60,
    )
)
def test_nothing_is_lost(values):
    """However the times come: bounded, in order, every value counted, none outside lowest and highest."""
    envelope = Envelope()
    for at_s, value in values:
        envelope.add(at_s, value)
    found = envelope.slices(20)
    assert len(found) <= 20 < MAX_SLICES
    assert [each.start_s for each in found] == sorted(each.start_s for each in found)
    assert sum(each.count for each in found) == len(values)
    assert sum(each.total for each in found) == pytest.approx(sum(value for _, value in values), abs=1e-3)
    assert min(each.low for each in found) == min(value for _, value in values)
    assert max(each.high for each in found) == max(value for _, value in values)
