"""Rows of counts into arrays: nothing is lost, and time that nobody collected is never zero."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.aggregator import (
    Buckets,
    aggregate,
    between,
    collected,
    places,
    stacked,
    summed,
)

HOURS = Buckets(start_s=7_200, step_s=3_600, count=4)


def test_between_takes_whole_buckets_only():
    """Aligned to multiples of the step, from the first that begins inside to the last that ends inside."""
    assert between(7_201, 18_000, step_s=3_600) == Buckets(start_s=10_800, step_s=3_600, count=2)
    assert between(7_200, 7_199, step_s=3_600).count == 0
    assert HOURS.tail(2) == Buckets(start_s=14_400, step_s=3_600, count=2)


def test_a_bucket_is_collected_from_start_to_end_or_not_at_all():
    """A break of two seconds is a restart; one of three is none; before the first span is an import."""
    spans = [(7_200, 9_000), (9_002, 14_400), (14_403, 21_600)]
    assert collected(spans, HOURS, since_s=7_200).tolist() == [True, True, False, True]
    assert collected(spans, HOURS, since_s=math.inf).all()
    assert collected([(14_400, 18_000)], HOURS, since_s=14_400).tolist() == [True, True, True, False]


def test_counts_are_summed_by_series_and_bucket():
    """Rows of other series and times outside are left out; no row is 0, not collected is NaN."""
    table = aggregate(
        [("pattern", "1"), ("pattern", "2")],
        np.array([0, 0, 1, -1, 1]),
        np.array([7_200, 10_799, 10_800, 10_800, 99_999]),
        np.array([1.0, 2.0, 4.0, 8.0, 16.0]),
        buckets=HOURS,
        is_collected=np.array([True, True, True, False]),
    )
    np.testing.assert_array_equal(table.counts, [[3, 0, 0, np.nan], [0, 4, 0, np.nan]])
    assert table.series(1).scope == ("pattern", "2")
    modules = summed(table, "module", ["b", "b"])
    assert modules.scopes == (("module", "b"),)
    np.testing.assert_array_equal(modules.counts, [[3, 4, 0, np.nan]])
    assert stacked([table, modules]).counts.shape == (3, 4)


def test_tables_over_other_buckets_are_not_stacked():
    """Their columns are other times."""
    flags = np.ones(4, dtype=bool)
    none = np.zeros(0, dtype=np.int64)
    one = aggregate([], none, none, np.zeros(0), buckets=HOURS, is_collected=flags)
    other = aggregate([], none, none, np.zeros(0), buckets=HOURS.tail(3), is_collected=flags[:3])
    with pytest.raises(ValueError, match="different buckets"):
        stacked([one, other])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(7_200, 21_599), st.integers(0, 9)), max_size=30))
def test_no_count_is_lost(rows):
    """The sum of the table is the sum of the rows, whatever their order."""
    keys, times, counts = (np.array([row[place] for row in rows], dtype=np.int64) for place in range(3))
    table = aggregate(
        [("pattern", str(key)) for key in range(6)],
        places(np.arange(6), keys),
        times,
        counts.astype(np.float64),
        buckets=HOURS,
        is_collected=np.ones(4, dtype=bool),
    )
    assert table.counts.sum() == counts.sum()


def test_keys_that_are_not_known_have_no_place():
    """Also when nothing is known."""
    assert places(np.array([2, 5, 9]), np.array([5, 1, 9, 10])).tolist() == [1, -1, 2, -1]
    assert places(np.zeros(0, dtype=np.int64), np.array([1])).tolist() == [-1]
