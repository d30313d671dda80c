"""The change that explains an onset: by time, direction and version; documented weights checked by hand."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.suspect import NO_CHANGE, Change, Onset, rank_changes, suspect_change

AT = datetime(2026, 3, 11, 14, 6, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GOOD = Change(at=AT - 4 * MINUTE, kind="release", version="api@2.8.0")
BIRTH = Onset(at=AT, resolution=MINUTE, is_up=True, is_birth=True, versions_after={"api@2.8.0": 90})


def test_a_birth_four_minutes_after_a_release_that_all_errors_carry():
    """Weight 1 x exp(-3/120) x 1 x 4 against 0.15; one minute is within the resolution."""
    suspect = suspect_change(BIRTH, [GOOD])
    assert suspect is not None
    weight = 4 * math.exp(-3 / 120)
    assert suspect.score == pytest.approx(weight / (weight + NO_CHANGE))
    assert suspect.change is GOOD
    assert suspect.reason == (
        "4 minutes after release api@2.8.0; 100 % of the errors since then are of api@2.8.0; "
        "it was never seen in this pattern before"
    )


def test_the_version_decides_between_two_releases():
    """A nearer release of another version loses against the one the errors carry."""
    nearer = Change(at=AT - MINUTE, kind="release", version="web@5.2.0")
    suspect = suspect_change(BIRTH, [nearer, GOOD])
    assert suspect is not None
    assert suspect.change is GOOD


def test_what_comes_after_or_long_before_explains_nothing():
    """Beyond the resolution after the onset, and more than a day before it."""
    late = Change(at=AT + 2 * MINUTE, kind="deploy")
    old = Change(at=AT - timedelta(hours=25), kind="deploy")
    other = Change(at=AT, kind="deploy", environment="staging")
    onset = Onset(at=AT, resolution=MINUTE, is_up=True, environments=frozenset({"production"}))
    assert rank_changes(onset, [late, old, other]) == ()


def test_six_hours_after_a_release_nobody_is_named():
    """exp(-3) = 0.05 is below the weight of none, 0.15."""
    early = Change(at=AT - timedelta(hours=6), kind="deploy")
    onset = Onset(at=AT, resolution=timedelta(0), is_up=True)
    (one,) = rank_changes(onset, [early])
    assert one.score == pytest.approx(math.exp(-3) / (math.exp(-3) + 0.15))
    assert suspect_change(onset, [early]) is None


def test_a_decline_is_the_work_of_a_version_that_did_not_have_it():
    """The errors before were of the old version: the release of the new one ended them."""
    onset = Onset(at=AT, resolution=MINUTE, is_up=False, versions_before={"api@2.8.0": 50},
                  versions_after={"api@2.8.0": 1})  # fmt: skip
    fix = Change(at=AT - MINUTE, kind="release", version="api@2.8.1")
    suspect = suspect_change(onset, [fix, Change(at=AT - MINUTE, kind="release", version="api@2.8.0")])
    assert suspect is not None
    assert suspect.change is fix


changes = st.builds(
    Change,
    at=st.integers(-90_000, 4_000).map(lambda seconds: AT + timedelta(seconds=seconds)),
    kind=st.sampled_from(["release", "deploy", "configuration", "flag"]),
    version=st.sampled_from(["", "a", "b"]),
)


@given(st.lists(changes, max_size=8), st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 99)))
def test_scores_share_one(found, versions):
    """All scores and that of none add up to 1, whatever the order of the changes."""
    onset = Onset(at=AT, resolution=MINUTE, is_up=True, versions_after=versions)
    ranked = rank_changes(onset, found)
    assert sum(one.score for one in ranked) < 1.0
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    backwards = rank_changes(onset, found[::-1])
    assert [one.score for one in backwards] == pytest.approx([one.score for one in ranked])
    assert all(-MINUTE <= one.delay <= timedelta(days=1) for one in ranked)
