from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.event_times import EventTimes


def test_the_newest_are_kept_and_it_is_known_from_when_on_they_are_complete():
    """Of a hot pattern the newest times stay; nothing after ``since`` is missing."""
    times = EventTimes(most=3)
    times.add("hot", [5.0, 1.0, 9.0, 7.0])
    times.add("hot", [3.0, 8.0, 2.0])
    times.add("rare", [4.0])
    assert (list(times.of("hot")), times.since("hot")) == ([7.0, 8.0, 9.0], 7.0)
    assert (list(times.of("rare")), times.since("rare")) == ([4.0], None)
    assert list(times.of("unknown")) == []


def test_joined_patterns_are_complete_from_the_later_of_both():
    """Times of two patterns become one; the one that is known for the shorter time decides."""
    times = EventTimes(most=4)
    times.add("a", [float(at) for at in range(20)])
    times.add("b", [1.0, 30.0])
    times.join("a", "b")
    times.join("b", "b")
    times.join("unknown", "b")
    assert (list(times.of("b")), times.since("b")) == ([17.0, 18.0, 19.0, 30.0], 17.0)
    assert list(times.of("a")) == []


def test_the_memory_of_all_patterns_is_bounded():
    """Many patterns are kept for a shorter time each."""
    times = EventTimes(most=200, most_of_all=1_000)
    for pattern in range(10):
        times.add(f"E{pattern}", [float(at) for at in range(200)])
    kept = [len(times.of(f"E{pattern}")) for pattern in range(10)]
    assert (max(kept), sum(kept) <= 1_000) == (50, True)


@given(st.lists(st.lists(st.floats(0, 1e9), max_size=30), max_size=8), st.integers(1, 10))
def test_what_is_kept_is_the_end_of_everything(blocks, most):
    """However they come, the newest times are kept, and all since ``since``."""
    times = EventTimes(most=most)
    for block in blocks:
        times.add("E1", block)
    every = sorted(at for block in blocks for at in block)
    kept, since = list(times.of("E1")), times.since("E1")
    assert kept == every[-most:]
    assert (since is None) == (len(every) <= most)
    assert since is None or [at for at in kept if at > since] == [at for at in every if at > since]
