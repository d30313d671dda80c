import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from error_manager.analysis.correlation import correlate
from error_manager.analysis.explanation import Kind

DAY_S = 86_400.0
PATTERNS = 12


def noise(seed, *, days=4.0, count=150, patterns=PATTERNS):
    """Return independent even streams, by pattern."""
    rng = np.random.default_rng(seed)
    return [np.sort(rng.uniform(0, days * DAY_S, count)) for _ in range(patterns)], rng


def relate(streams, *, days=4.0, hosts=None, **more):
    """Return the relations of streams."""
    patterns = np.repeat(np.arange(len(streams)), [len(own) for own in streams])
    return correlate(
        np.concatenate(streams),
        patterns,
        hosts,
        n_patterns=len(streams),
        observed=(0.0, days * DAY_S),
        **more,
    )


def direct(found):
    """Return the pairs that are told."""
    return {(relation.cause, relation.effect) for relation in found if relation.kind is Kind.DIRECT}


def lead(streams, rng, cause, effect, *, lag_s, share=0.6):
    """Plant a link."""
    led = streams[cause][rng.random(len(streams[cause])) < share]
    streams[effect] = np.sort(np.concatenate([streams[effect], led + lag_s * rng.normal(1, 0.02, len(led))]))


@pytest.mark.parametrize("lag_s", [0.5, 20.0, 400.0])
def test_planted_link_is_found(lag_s):
    """One link among 132 pairs: found with its direction and lag, and nothing else."""
    streams, rng = noise(7)
    lead(streams, rng, 0, 1, lag_s=lag_s)
    found = relate(streams)
    assert direct(found) == {(0, 1)}
    assert found[0].lag_s == pytest.approx(lag_s, rel=0.05)
    assert found[0].lag_spread_s[0] <= found[0].lag_s <= found[0].lag_spread_s[1] <= found[0].window_s * 1.5


def test_support_is_exact():
    """50 occasions more than half an hour apart, 49 followed: that is what is told."""
    streams, _ = noise(3, days=10.0)
    streams[0] = np.arange(50) * 4_000.0 + 1_000 + np.random.default_rng(1).uniform(0, 1_500, 50)
    streams[1] = np.sort(np.delete(streams[0], 17) + 3.0)
    (found,) = [relation for relation in relate(streams, days=10.0) if relation.kind is Kind.DIRECT]
    assert (found.cause, found.effect, found.support, found.occasions) == (0, 1, 49, 50)
    assert found.lift > 49


def test_jobs_of_one_clock_are_not_related():
    """Two jobs run every hour, 10 s apart: the same is true at every other hour."""
    streams, rng = noise(5, days=8.0)
    hours = np.arange(1, 8 * 24) * 3_600.0
    streams[0] = hours + 5 + rng.uniform(0, 1, len(hours))
    streams[1] = hours + 15 + rng.uniform(0, 1, len(hours))
    assert direct(relate(streams, days=8.0)) == set()


def test_job_that_fails_at_times_is_a_cause():
    """A job that fails in half of the hours and is then followed is related, though on the clock."""
    streams, rng = noise(5, days=8.0)
    hours = np.arange(1, 8 * 24) * 3_600.0
    failed = hours[rng.random(len(hours)) < 0.5]
    streams[0] = failed + 5 + rng.uniform(0, 1, len(failed))
    streams[1] = np.sort(failed[rng.random(len(failed)) < 0.8] + 15)
    assert (0, 1) in direct(relate(streams, days=8.0))


def test_common_bursts_are_not_relations():
    """Twenty minutes in which all 30 patterns come at once make no relation."""
    streams, rng = noise(11, patterns=30, days=6.0)
    for start in rng.uniform(0, 6 * DAY_S, 20):
        streams = [np.sort(np.append(own, start + rng.uniform(0, 60))) for own in streams]
    assert direct(relate(streams, days=6.0)) == set()


def test_effects_of_one_cause_and_ends_of_a_chain_are_told_apart():
    """0 leads to 1 and 2; 3 leads to 4, 4 to 5: four links, and the others say by what they are explained."""
    streams, rng = noise(2, count=300)
    lead(streams, rng, 0, 1, lag_s=5.0)
    lead(streams, rng, 0, 2, lag_s=30.0)
    lead(streams, rng, 3, 4, lag_s=5.0)
    lead(streams, rng, 4, 5, lag_s=30.0)
    found = relate(streams)
    assert direct(found) == {(0, 1), (0, 2), (3, 4), (4, 5)}
    by = {(relation.cause, relation.effect): (relation.kind, relation.explained_by) for relation in found}
    assert by[1, 2] == (Kind.COMMON_CAUSE, 0)
    assert by[3, 5] == (Kind.INDIRECT, 4)


def test_both_directions_can_be_right():
    """0 leads to 1 after 5 s and 1 to 0 after 40 s, each by itself."""
    streams, rng = noise(4, count=300)
    own = streams[0].copy(), streams[1].copy()
    lead(streams, rng, 0, 1, lag_s=5.0, share=0.4)
    streams[0] = np.sort(np.concatenate([own[0], own[1][rng.random(len(own[1])) < 0.4] + 40.0]))
    assert direct(relate(streams)) == {(0, 1), (1, 0)}


def test_order_is_not_read_from_hosts_that_write_in_steps():
    """The cause is logged up to 10 s late: it is still the cause."""
    streams, rng = noise(9, count=300)
    lead(streams, rng, 0, 1, lag_s=3.0)
    hosts = np.concatenate([np.full(len(own), number % 2) for number, own in enumerate(streams)])
    streams = [np.ceil(own / 10) * 10 + 0.3 if number % 2 == 0 else own for number, own in enumerate(streams)]
    assert direct(relate(streams, hosts=hosts)) == {(0, 1)}


def test_hits_on_the_same_host_are_counted():
    """Cause and effect live on host 1: all hits are there."""
    streams, rng = noise(6)
    lead(streams, rng, 0, 1, lag_s=5.0)
    hosts = np.concatenate([np.full(len(own), 1 if number < 2 else 0) for number, own in enumerate(streams)])
    best = relate(streams, hosts=hosts)[0]
    assert (best.cause, best.effect, best.on_same_host) == (0, 1, best.support)


def test_hot_patterns_may_be_known_over_a_shorter_time():
    """What came before ``since`` is no occasion: n counts only occasions of which the effect is known."""
    streams, rng = noise(8, count=200)
    lead(streams, rng, 0, 1, lag_s=5.0)
    since = np.zeros(PATTERNS)
    since[1] = 2 * DAY_S
    streams[1] = streams[1][streams[1] >= since[1]]
    best = relate(streams, since=since)[0]
    assert (best.cause, best.effect) == (0, 1)
    assert best.occasions <= np.sum(streams[0] >= since[1])
    assert best.support / best.occasions == pytest.approx(0.6, abs=0.12)


@pytest.mark.parametrize("days", [0.0, 0.01, 4.0])
def test_nothing_in_nothing(days):
    """No events, and events of no length, give no relations."""
    empty = np.empty(0)
    none = np.empty(0, dtype=np.int64)
    assert correlate(empty, none, n_patterns=5, observed=(0.0, days * DAY_S)) == ()
    assert (
        correlate(np.zeros(3), np.array([0, 1, 2]), n_patterns=3, observed=(0.0, max(days, 0.01) * DAY_S))
        == ()
    )


def test_chance_stays_as_rare_as_promised():
    """Twenty worlds of independent streams: less than .01 false relation a world is promised."""
    false = [direct(relate(noise(seed, patterns=30, count=100)[0])) for seed in range(100, 120)]
    assert sum(len(found) for found in false) <= 1


def planted_world():
    """Return streams with two links."""
    streams, rng = noise(21)
    lead(streams, rng, 0, 1, lag_s=8.0)
    lead(streams, rng, 5, 3, lag_s=90.0)
    return [np.round(own, 2) for own in streams]


WORLD = planted_world()
FOUND = relate(WORLD)


@settings(max_examples=15, deadline=None)
@given(
    st.permutations(range(PATTERNS)),
    st.integers(min_value=0, max_value=20_000),
    st.integers(min_value=0, max_value=99),
)
def test_names_order_and_epoch_play_no_part(names, days, seed):
    """Other pattern numbers, other order of the input, another day: the same relations, renamed."""
    times = np.concatenate(WORLD)
    patterns = np.repeat(np.array(names), [len(own) for own in WORLD])
    order = np.random.default_rng(seed).permutation(len(times))
    offset = days * DAY_S
    found = correlate(
        times[order] + offset, patterns[order], n_patterns=PATTERNS, observed=(offset, offset + 4 * DAY_S)
    )
    back = {name: number for number, name in enumerate(names)}
    actual = {
        (back[r.cause], back[r.effect]): (r.kind, r.support, r.occasions, round(r.lag_s, 2)) for r in found
    }
    assert actual == {(r.cause, r.effect): (r.kind, r.support, r.occasions, round(r.lag_s, 2)) for r in FOUND}
