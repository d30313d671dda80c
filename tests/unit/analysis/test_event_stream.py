import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.common_burst import common_bursts
from error_manager.analysis.event_stream import build_stream, spaced

TIMES = st.lists(st.floats(min_value=0, max_value=1e6, allow_nan=False), max_size=50)


@given(TIMES, st.floats(min_value=1, max_value=1e5))
def test_occasions_are_apart_and_cover(times, spacing_s):
    """Two occasions are never closer than the spacing, and each event is within it of an occasion."""
    at = np.sort(np.array(times))
    kept = at[spaced(at, spacing_s)]
    assert np.all(at[np.searchsorted(at, kept)] == kept)
    assert np.all(np.diff(kept) >= spacing_s * (1 - 1e-9))
    assert all(np.any((kept <= time) & (time - kept < spacing_s * (1 + 1e-9))) for time in at)


def test_a_burst_of_many_patterns_is_found_and_one_pattern_is_not():
    """Forty patterns in minute 300 are a common burst; one pattern, however loud, is none."""
    rng = np.random.default_rng(1)
    minutes = [np.sort(rng.integers(0, 600, 60)) for _ in range(40)]
    minutes = [np.sort(np.append(own, 300)) for own in minutes]
    minutes[0] = np.sort(np.append(minutes[0], np.full(500, 100)))
    found = common_bursts(
        np.concatenate(minutes), np.repeat(np.arange(40), [len(m) for m in minutes]), n_minutes=600
    )
    assert found[300]
    assert not found[100]
    assert found.sum() <= 20


def stream(times, hosts=None, **more):
    """Return a stream of one pattern over a day."""
    times = np.asarray(times, dtype=np.float64)
    return build_stream(
        times, np.zeros(len(times), dtype=np.int64), hosts, n_patterns=1, observed=(1_000.0, 87_400.0), **more
    )


def test_what_was_not_collected_is_left_out():
    """Gaps, minutes after a change and silence of the whole stream are hidden; the rest is not."""
    at = np.arange(1_000.0, 87_400.0, 10.0)
    made = stream(at[(at < 41_000) | (at > 44_600)], gaps=[(7_000.0, 7_600.0)], changes=[13_000.0])
    assert made.is_hidden(np.array([6_100.0, 12_100.0, 41_000.0, -1.0, 86_400.0])).all()
    assert not made.is_hidden(np.array([5_900.0, 6_700.0, 12_400.0, 39_000.0, 44_000.0])).any()
    assert not np.any((made.lines.times >= 6_000) & (made.lines.times < 6_600))


def test_hosts_that_write_in_steps_are_known():
    """Host 1 writes each 10 s, host 0 at once; an event of host 1 may be 10 s older than it says."""
    rng = np.random.default_rng(2)
    at = np.sort(rng.uniform(1_000, 87_400, 4_000))
    hosts = rng.integers(0, 2, len(at))
    made = stream(np.where(hosts == 1, np.minimum(np.ceil(at / 10) * 10, 87_390.0), at), hosts)
    assert made.step_s.tolist() == [0.0, 10.0]
    assert len(made.sharp.times) == np.sum(made.hosts == 0)
    assert np.all(made.earliest[made.hosts == 1] % 10 < 1e-6)
