"""Anomalies that begin together or are related are one incident; others are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.incidents import ONSET_S, Bond, Incident, OpenAnomaly, Tie, group_incidents
from error_manager.analysis.link import Link, Scope

NOW_S = 100_000.0


def pattern(name: str) -> Scope:
    """Return the scope of a pattern."""
    return ("pattern", name)


def anomaly(name: str, start_s: float, end_s: float | None = None, score: float = 50.0) -> OpenAnomaly:
    """Return an anomaly of a pattern."""
    return OpenAnomaly(scope=pattern(name), start_s=start_s, end_s=end_s, score=score)


def link(cause: str, effect: str, lag_s: float = 10.0, spread_s: float = 0.0) -> Link:
    """Return a relation."""
    return Link(cause=pattern(cause), effect=pattern(effect), score=0.9, lag_s=lag_s, spread_s=spread_s)


def members(incidents: tuple[Incident, ...]) -> list[list[str]]:
    """Return the names in each incident."""
    return [[one.scope[1] for one in incident.anomalies] for incident in incidents]


def test_a_common_onset_is_one_incident():
    """Two that begin within minutes belong together, related or not; one hours later does not."""
    found = group_incidents([anomaly("b", 60), anomaly("late", 9_000), anomaly("a", 0)], [], now_s=NOW_S)
    assert members(found) == [["a", "b"], ["late"]]
    assert found[0].bonds == (Bond(first=pattern("a"), second=pattern("b"), tie=Tie.ONSET, gap_s=60),)


def test_onsets_do_not_drift_into_one_incident():
    """Each two minutes after the other: who is too late for the first begins a group of its own."""
    found = group_incidents([anomaly(str(at), at * 120.0) for at in range(4)], [], now_s=NOW_S)
    assert members(found) == [["0", "1"], ["2", "3"]]


def test_related_patterns_that_overlap_are_one_incident():
    """The effect begins an hour into the open anomaly of its cause."""
    anomalies = [anomaly("cause", 0), anomaly("effect", 3_600), anomaly("other", 3_700 + ONSET_S)]
    found = group_incidents(anomalies, [link("cause", "effect")], now_s=NOW_S)
    assert members(found) == [["cause", "effect"], ["other"]]
    assert found[0].bonds[0].tie is Tie.RELATION


@pytest.mark.parametrize(
    ("relation", "expected"),
    [
        (link("cause", "effect", 59), [["cause"], ["effect"]]),
        (link("cause", "effect", 60), [["cause", "effect"]]),
        (link("cause", "effect", 50, 5), [["cause", "effect"]]),
    ],
)
def test_related_patterns_may_be_the_lag_of_the_relation_apart(relation, expected):
    """The cause was over a minute before: lag and twice the spread bridge it, or nothing does."""
    anomalies = [anomaly("cause", 0, 600), anomaly("effect", 660)]
    assert members(group_incidents(anomalies, [relation], now_s=NOW_S)) == expected


def test_chains_of_relations_are_one_incident():
    """Pool -> timeout -> gateway, each related to the next only."""
    anomalies = [anomaly("gateway", 2_000), anomaly("pool", 0), anomaly("timeout", 1_000)]
    links = [link("pool", "timeout"), link("timeout", "gateway"), link("gateway", "absent")]
    found = group_incidents(anomalies, links, now_s=NOW_S)
    assert members(found) == [["pool", "timeout", "gateway"]]
    assert len(found[0].bonds) == 2


def test_an_incident_lasts_as_long_as_its_anomalies_and_counts_as_the_worst():
    """Begin of the first, end of the last, open while one is; the largest score; worst incident first."""
    anomalies = [anomaly("a", 0, 500, 40), anomaly("b", 60, 900, 70), anomaly("c", 5_000, None, 90)]
    worst, other = group_incidents(anomalies, [], now_s=NOW_S)
    assert (worst.start_s, worst.end_s, worst.score) == (5_000, None, 90)
    assert (other.start_s, other.end_s, other.score) == (0, 900, 70)


def test_a_pattern_that_is_anomalous_twice_has_two_anomalies():
    """Two anomalies of one scope are kept apart unless something ties them."""
    found = group_incidents([anomaly("a", 0, 60), anomaly("a", 5_000, 6_000)], [link("a", "a")], now_s=NOW_S)
    assert members(found) == [["a"], ["a"]]


def test_nothing_open_is_no_incident():
    """No anomalies, no incidents."""
    assert group_incidents([], [link("a", "b")], now_s=NOW_S) == ()


_ANOMALIES = st.lists(
    st.builds(
        anomaly,
        st.sampled_from("abcdefgh"),
        st.integers(0, 5_000).map(float),
        st.none() | st.integers(5_000, 9_000).map(float),
        st.integers(1, 100).map(float),
    ),
    max_size=25,
)
_LINKS = st.lists(st.builds(link, st.sampled_from("abcdefgh"), st.sampled_from("abcdefgh")), max_size=10)


@given(anomalies=_ANOMALIES, links=_LINKS, order=st.randoms(use_true_random=False))
def test_each_anomaly_is_in_one_incident_whatever_the_order(anomalies, links, order):
    """A partition, the same for any order of the anomalies and of the relations."""
    found = group_incidents(anomalies, links, now_s=NOW_S)
    grouped = [one for incident in found for one in incident.anomalies]
    assert sorted(grouped, key=repr) == sorted(anomalies, key=repr)
    assert all(len(incident.bonds) >= len(incident.anomalies) - 1 for incident in found)
    order.shuffle(anomalies)
    order.shuffle(links)
    assert members(group_incidents(anomalies, links, now_s=NOW_S)) == members(found)
