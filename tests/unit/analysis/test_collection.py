"""When errors were taken in: spans and the gaps between them are the whole time."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.collection import gaps, joined


def test_gaps_are_what_no_span_covers():
    """The same breaks as stretches of time."""
    spans = [(100, 200), (201, 300), (400, 500)]
    assert gaps(spans, start_s=0, end_s=600, since_s=100) == ((300, 400), (500, 600))
    assert gaps(spans, start_s=150, end_s=290, since_s=100) == ()
    assert gaps([], start_s=0, end_s=10, since_s=math.inf) == ()


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)).map(sorted), max_size=8))
def test_joined_spans_cover_the_same(spans):
    """Joined, in order, more than a restart apart; gaps and spans together are the window."""
    found = joined([(float(start), float(end)) for start, end in spans])
    assert all(second[0] - first[1] > 2 for first, second in pairwise(found))
    assert all(any(low <= start and end <= high for low, high in found) for start, end in spans)
