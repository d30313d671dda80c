"""What flows between groups mean for patterns: merges, splits, heirs, moves; counts add up."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.regrouping import Home, plan
from error_manager.core.types import GroupId, PatternId


def group(name: str) -> GroupId:
    """Return a group by a letter."""
    return GroupId(name.encode() * 16)


A, B, C, N, M = map(group, "abcnm")


def homes(**patterns: int) -> dict[GroupId, Home]:
    """Return the map by letters."""
    return {group(name): Home(pattern_id=PatternId(number)) for name, number in patterns.items()}


def test_nothing_changes_nothing():
    """Errors that stay are counted and that is all."""
    made = plan({(A, A): 3, (B, B): 2}, homes(a=1, b=2))
    assert (made.errors, made.changed, made.moved, made.merges, made.splits, made.moves) == (
        5,
        0,
        0,
        (),
        (),
        (),
    )


def test_patterns_merge_into_the_one_that_gives_most():
    """The new group goes on as the largest pattern; the groups of the others move there."""
    made = plan({(A, N): 3, (B, N): 5, (C, C): 1}, homes(a=1, b=2, c=3))
    (merge,) = made.merges
    assert (merge.into.pattern_id, merge.into.count) == (2, 8)
    assert [(part.pattern_id, part.count) for part in merge.parts] == [(2, 5), (1, 3)]
    assert (made.changed, made.moved, made.stays) == (8, 3, 0)
    assert (made.moves, made.taken_on) == (((A, 2),), ((N, 2),))


def test_a_split_leaves_the_pattern_to_what_stays():
    """A group of which some errors stay has no heir: new ones like the others become a new pattern."""
    made = plan({(A, A): 1, (A, N): 9}, homes(a=1))
    (split,) = made.splits
    assert [(part.pattern_id, part.count) for part in split.parts] == [(None, 9), (1, 1)]
    assert (made.moved, made.stays, made.moves, made.taken_on) == (9, 9, (), ())


def test_a_group_that_falls_apart_wholly_has_one_heir():
    """The largest part keeps the pattern's identity."""
    made = plan({(A, N): 6, (A, M): 4}, homes(a=1))
    assert made.taken_on == ((N, 1),)
    assert [(part.pattern_id, part.count) for part in made.splits[0].parts] == [(1, 6), (None, 4)]


def test_groups_of_one_pattern_stay_together():
    """What a person merged is not torn apart because its groups get new names."""
    made = plan({(A, N): 6, (B, M): 4}, homes(a=1, b=1))
    assert (made.taken_on, made.splits, made.moved) == (((M, 1), (N, 1)), (), 0)


def test_a_known_group_takes_others_in():
    """A group that exists leads to the pattern it is in, whoever gives more."""
    made = plan({(A, B): 9, (B, B): 1}, homes(a=1, b=2))
    assert (made.moves, made.taken_on, made.merges[0].into.pattern_id) == (((A, 2),), (), 2)


def test_what_a_person_placed_is_not_moved():
    """A fixed group stays, and is said to."""
    known = homes(a=1, b=2) | {A: Home(pattern_id=PatternId(1), is_fixed=True)}
    made = plan({(A, B): 9, (B, B): 1}, known)
    assert (made.moves, made.moved, made.stays) == ((), 9, 9)


GROUPS = st.sampled_from([A, B, C, N, M])
FLOWS = st.dictionaries(st.tuples(st.sampled_from([A, B, C]), GROUPS), st.integers(1, 9), min_size=1)
HOMES = st.fixed_dictionaries(
    {
        name: st.builds(Home, pattern_id=st.integers(1, 3).map(PatternId), is_fixed=st.booleans())
        for name in (A, B, C)
    }
)


@given(FLOWS, HOMES)
def test_counts_are_conserved(flows, known):
    """Parts add up to their whole; no group moves twice; nothing moves to where it is."""
    made = plan(flows, known)
    assert made.errors == sum(flows.values())
    assert made.stays <= made.moved <= made.changed <= made.errors
    for merge in made.merges:
        assert merge.into.count == sum(part.count for part in merge.parts)
        assert len(merge.parts) == len({part.pattern_id for part in merge.parts}) > 1
    for split in made.splits:
        assert split.pattern.count == sum(part.count for part in split.parts)
        assert len(split.parts) > 1
    assert max(Counter(moved for moved, _ in made.moves).values(), default=1) == 1
    assert all(known[moved].pattern_id != goal and not known[moved].is_fixed for moved, goal in made.moves)
    assert not {taken for taken, _ in made.taken_on} & known.keys()
