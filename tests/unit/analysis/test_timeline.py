import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.found import OTHER, FoundPatterns
from error_manager.analysis.timeline import MAX_BUCKETS, TimeRange, fold, is_bursty, sparkline


@given(st.lists(st.integers(min_value=0, max_value=30_000_000), min_size=1))
def test_buckets_stay_few_and_lose_nothing(minutes):
    """Whatever times come, the buckets are bounded and their counts sum up to what came."""
    found = FoundPatterns()
    for minute in minutes:
        found.add("a", text="a", minutes={minute: 1}, times=(str(minute), str(minute)))
    (pattern,) = found.ranked()
    assert len(pattern.buckets) <= MAX_BUCKETS
    assert sum(pattern.buckets.values()) == sum(pattern.series) == len(minutes)
    assert (pattern.first, pattern.last) == (str(min(minutes)), str(max(minutes)))


@pytest.mark.parametrize(
    ("counts", "line"),
    [([], ""), ([0, 0], ""), ([1], "█"), ([0, 1, 8], " ▁█"), ([4, 8], "▄█"), ([1, 1000], "▁█")],
)
def test_sparkline(counts, line):
    """One block per count, the highest for the largest; a count above 0 is never invisible."""
    assert sparkline(counts) == line


def test_folding_keeps_counts():
    """Two buckets in one of twice the width are summed."""
    assert fold({0: 1, 1: 2, 2: 4}, 2) == {0: 3, 1: 4}


def test_range_grows_by_doubling():
    """Two days in buckets of 32 minutes: 2,880 / 32 = 90, while 16 would make 180."""
    span = TimeRange()
    span.add(0)
    assert (span.add(2_879), span.width) == (True, 32)
    assert (span.share(1_440), TimeRange().share(5)) == (1_440 / 2_879, 0.0)


def test_bursts():
    """24 lines in one of 20 slices are a burst, unless everything came then; few lines never are."""
    flat = [100] * 20
    burst = [0] * 20
    burst[7] = 24
    assert is_bursty(burst, flat)
    assert not is_bursty(burst, [count * 40 + 1 for count in burst])
    assert not is_bursty([count // 2 for count in burst], flat)
    assert not is_bursty(flat, flat)


def test_marks():
    """New: first seen in the last tenth. Rare: below a thousandth. Both only among a thousand lines."""
    found = FoundPatterns()
    found.add("old", text="old", count=2_000, minutes=dict.fromkeys(range(200), 10))
    found.add("late", text="late", count=5, minutes={195: 5})
    found.add("once", text="once", minutes={20: 1})
    assert {pattern.id: pattern.marks for pattern in found.ranked()} == {
        "old": (),
        "late": ("new",),
        "once": ("rare",),
    }
    few = FoundPatterns()
    few.add("old", text="old", count=10, minutes={0: 10})
    few.add("late", text="late", minutes={100: 1})
    assert [pattern.marks for pattern in few.ranked()] == [(), ()]


def test_what_does_not_fit_is_counted(monkeypatch):
    """Beyond the cap everything new goes to one pattern; nothing is lost."""
    monkeypatch.setattr("error_manager.analysis.found.MAX_PATTERNS", 2)
    found = FoundPatterns()
    for key in ("a", "b", "c", "d", "a"):
        found.add(key, text=key)
    assert {pattern.id: pattern.count for pattern in found.ranked()} == {"a": 2, "b": 1, OTHER: 2}
    assert (found.total, found.overflowed, found.text("c")) == (5, 2, found.text(OTHER))
