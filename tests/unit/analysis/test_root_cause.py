"""Planted cascades: the cause leads, effects follow it, unrelated patterns stay apart; reasons in numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from error_manager.analysis.link import Link, Scope
from error_manager.analysis.root_cause import Cause, rank_causes

END_S = 1_800.0
BEGIN_S = 900.0


def pattern(name: str) -> Scope:
    """Return the scope of a pattern."""
    return ("pattern", name)


def link(cause: str, effect: str, lag_s: float, score: float = 0.8) -> Link:
    """Return a relation with a spread of a quarter of its lag."""
    return Link(cause=pattern(cause), effect=pattern(effect), score=score, lag_s=lag_s, spread_s=lag_s / 4)


POOL = [("pool", 0.0, 1.0), ("timeout", 4.0, 0.8), ("gateway", 9.0, 0.7)]
DISK = [("disk", 0.0, 1.0), ("write", 6.0, 0.8)]
LINKS = [link("pool", "timeout", 4.0), link("timeout", "gateway", 9.0), link("disk", "write", 6.0)]


def cascade(rng, chain, *, begin_s=BEGIN_S, per_s=0.05, usual_per_s=0.001) -> dict[Scope, list[float]]:
    """Return events of a chain (pattern, lag in s, share that follows) from its beginning to the end."""
    found = {}
    times = rng.uniform(begin_s, END_S, rng.poisson(per_s * (END_S - begin_s)))
    for name, lag_s, share in chain:
        followed = times[rng.random(len(times)) < share]
        times = followed + lag_s * rng.uniform(0.7, 1.3, len(followed))
        usual = rng.uniform(0, END_S, rng.poisson(usual_per_s * END_S))
        found[pattern(name)] = [*times[times < END_S], *usual]
    return found


def unrelated(rng, count: int) -> dict[Scope, list[float]]:
    """Return patterns that go on as ever."""
    return {pattern(f"steady{at}"): list(rng.uniform(0, END_S, 40)) for at in range(count)}


def ranked(events, links=LINKS, **options) -> tuple[Cause, ...]:
    """Return the order within the window of these tests."""
    return rank_causes(events, links, start_s=0.0, end_s=END_S, **options)


def names(causes) -> list[str]:
    """Return the keys of the patterns, in order."""
    return [cause.pattern[1] for cause in causes]


@pytest.mark.parametrize("seed", range(10))
def test_the_beginning_of_a_chain_leads_it(seed):
    """Pool -> timeout -> gateway come in this order, given in another."""
    events = cascade(np.random.default_rng(seed), POOL)
    assert names(ranked(dict(reversed(events.items())))) == ["pool", "timeout", "gateway"]


@pytest.mark.parametrize("seed", range(10))
def test_the_cause_leads_among_unrelated_patterns(seed):
    """Eight patterns that go on as ever do not come before the cause; effects come after all candidates."""
    rng = np.random.default_rng(seed)
    causes = ranked({**unrelated(rng, 8), **cascade(rng, POOL)})
    assert names(causes)[0] == "pool"
    assert set(names(causes)[-2:]) == {"timeout", "gateway"}
    assert [cause.is_candidate for cause in causes] == [True] * 9 + [False] * 2


@pytest.mark.parametrize("seed", range(10))
def test_two_causes_of_one_incident_both_lead(seed):
    """A second cause half a minute later is not taken for an effect of the first."""
    rng = np.random.default_rng(seed)
    events = {**unrelated(rng, 4), **cascade(rng, POOL), **cascade(rng, DISK, begin_s=BEGIN_S + 30)}
    assert set(names(ranked(events))[:2]) == {"pool", "disk"}


@pytest.mark.parametrize("per_s", [2.0, 8.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_flood_is_ordered_by_its_relations_and_who_began_first(seed, per_s):
    """At some events a second each follows each: then the known relations and the onsets decide.

    At eight, the 28,000 events are more than are followed back: the earliest are enough.
    """
    rng = np.random.default_rng(seed)
    events = {
        **unrelated(rng, 2),
        **cascade(rng, POOL, per_s=per_s),
        **cascade(rng, DISK, per_s=per_s, begin_s=BEGIN_S + 30),
    }
    causes = ranked(dict(reversed(events.items())))
    assert set(names(causes)[:2]) == {"pool", "disk"}
    assert "gateway" in names(causes)[-3:]


def test_without_relations_who_began_first_leads():
    """Three patterns, a minute apart, nothing known of them."""
    events = {
        pattern(name): list(np.arange(start, END_S, 10.0))
        for name, start in (("third", 1_020.0), ("first", 900.0), ("second", 960.0))
    }
    causes = ranked(events, links=[])
    assert names(causes) == ["first", "second", "third"]
    assert [cause.offset_s for cause in causes] == [0, 60, 120]
    assert all(cause.is_candidate and cause.explains == () for cause in causes)


def test_the_reasons_are_the_planted_numbers():
    """Pool explains all but the usual ones of timeout directly, and of gateway via timeout after 13 s."""
    rng = np.random.default_rng(1)
    pool, timeout, gateway = ranked(cascade(rng, POOL, per_s=0.02, usual_per_s=0.0))
    assert [(e.effect, e.via, e.lag_s) for e in sorted(pool.explains, key=lambda e: e.lag_s)] == [
        (pattern("timeout"), (), 4.0),
        (pattern("gateway"), (pattern("timeout"),), 13.0),
    ]
    assert all(e.share > 0.95 for e in pool.explains)
    assert pool.explained_share > 0.95
    assert (pool.explained_by, pool.own_share, pool.offset_s) == (None, 0.0, 0.0)
    assert timeout.explained_by == pattern("pool")
    assert gateway.explained_share == 0.0
    assert 2 < timeout.offset_s < 7


def test_half_explained_is_counted_as_half():
    """Ten of twenty effects follow a cause, worked out by hand: no event is near by chance."""
    events = {
        pattern("pool"): [1_000.0 + 60 * at for at in range(10)],
        pattern("timeout"): [1_004.0 + 60 * at for at in range(10)] + [1_030.0 + 60 * at for at in range(10)],
    }
    (pool, timeout) = ranked(events)
    assert timeout.own_share == 0.5
    assert pool.explained_share == 0.5
    assert not timeout.is_candidate


def test_a_strong_relation_is_taken_for_the_way_before_a_weak_one():
    """The chain of two strong relations is named, not the weak shortcut."""
    links = [link("a", "b", 2.0, 0.9), link("b", "c", 2.0, 0.9), link("a", "c", 4.0, 0.3)]
    events = {
        pattern(name): [1_000.0 + 60 * at + lag for at in range(10)]
        for name, lag in (("a", 0.0), ("b", 2.0), ("c", 4.0))
    }
    ways = {found.effect: found.via for found in ranked(events, links)[0].explains}
    assert ways == {pattern("b"): (), pattern("c"): (pattern("b"),)}


def test_the_usual_rate_makes_a_single_event_a_beginning():
    """A pattern never seen before that comes once, first, leads those that follow it with nothing known."""
    events = {pattern("flood"): list(np.arange(960.0, END_S, 10.0)), pattern("new"): [900.0]}
    usual = {pattern("flood"): 0.0001, pattern("new"): 0.0}
    assert names(ranked(events, links=[], usual_per_s=usual)) == ["new", "flood"]


def test_nothing_happened_has_no_cause():
    """No patterns, or none with an event in the window."""
    assert ranked({}) == ()
    assert ranked({pattern("pool"): [END_S + 1], pattern("timeout"): []}) == ()


def test_circles_end():
    """Patterns that are known to follow each other are ordered by the events, and the search ends."""
    links = [link("a", "b", 2.0), link("b", "a", 2.0), link("a", "a", 1.0)]
    events = {
        pattern("b"): [1_002.0 + 60 * at for at in range(10)],
        pattern("a"): [1_000.0 + 60 * at for at in range(10)],
    }
    assert names(ranked(events, links)) == ["a", "b"]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 50),
    shift_s=st.integers(0, 2**31).map(float),
    order=st.randoms(use_true_random=False),
)
def test_neither_zero_time_nor_names_matter(seed, shift_s, order):
    """Shifted times, other names and another order of the same patterns give the same reasons."""
    rng = np.random.default_rng(seed)
    events = {**cascade(rng, POOL), **cascade(rng, DISK)}
    plain = ranked(events)
    keys = list(events)
    new = dict(zip(keys, (pattern(f"p{at}") for at in order.sample(range(99), len(keys))), strict=True))
    order.shuffle(keys)
    others = rank_causes(
        {new[key]: [time + shift_s for time in events[key]] for key in keys},
        [
            Link(
                cause=new[one.cause],
                effect=new[one.effect],
                score=0.8,
                lag_s=one.lag_s,
                spread_s=one.spread_s,
            )
            for one in LINKS
        ],
        start_s=shift_s,
        end_s=shift_s + END_S,
    )
    assert [new[cause.pattern] for cause in plain] == [cause.pattern for cause in others]
    for one, other in zip(plain, others, strict=True):
        assert other.potential == pytest.approx(one.potential, abs=1e-3)
        assert other.own_share == pytest.approx(one.own_share, abs=1e-3)
        assert other.offset_s == pytest.approx(one.offset_s, abs=1e-3)
