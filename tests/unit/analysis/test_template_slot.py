from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.template_slot import MAX_VALUE_CHARS, MAX_VALUES, Slot
from error_manager.core.value_mask import ValueKind


def filled(values):
    """Return a slot that took these values."""
    slot = Slot()
    for value in values:
        slot.add(value)
    return slot


def test_counts_values_and_tells_their_shares():
    """A page can say: took 3 values, db1 in 80 %."""
    slot = filled(["db1"] * 8 + ["db2", "db3"])
    assert (slot.seen, slot.distinct, slot.kind) == (10, 3, ValueKind.ID)
    assert slot.shares == [("db1", 0.8), ("db2", 0.1), ("db3", 0.1)]


def test_an_empty_slot_is_text():
    """Nothing seen says nothing."""
    assert (Slot().kind, Slot().distinct, Slot().shares) == (ValueKind.TEXT, 0, [])


def test_sensitive_values_are_counted_but_not_kept():
    """Addresses and masks leave their kind only."""
    slot = filled(["10.0.0.1", "kim@example.org", "[email]", "00:0d:60:e9:3b:3d"])
    assert (slot.values, slot.seen, slot.distinct) == ({}, 4, None)


def test_frequent_values_stay_when_there_is_no_room():
    """The most frequent values are kept, with counts at most ``dropped / MAX_VALUES`` too high."""
    slot = filled([value for number in range(200) for value in ("often", f"once{number}")])
    name, share = slot.shares[0]
    assert (name, slot.distinct, len(slot.values)) == ("often", None, MAX_VALUES)
    assert share >= 0.5


def test_a_slot_of_ever_new_values_is_given_up():
    """When no value is frequent, none is kept."""
    slot = filled(map(str, range(1_000)))
    assert (slot.is_diverse, slot.values, slot.seen, slot.distinct) == (True, {}, 1_000, None)
    slot.merge(filled(["a"]))
    other = filled(["a"])
    other.merge(slot)
    assert (slot.values, other.values, other.seen) == ({}, {}, 1_002)


def test_long_values_are_cut():
    """A value is kept up to its cap."""
    (value,) = filled(["x" * 500]).values
    assert (len(value), value[-1]) == (MAX_VALUE_CHARS, "…")


@given(st.lists(st.text(max_size=5), max_size=60), st.lists(st.text(max_size=5), max_size=60))
def test_nothing_seen_is_lost_by_merging(ours, theirs):
    """Seen values and kinds add up; a copy has seen the same and is another slot."""
    slot, other = filled(ours), filled(theirs)
    copied = slot.copy()
    slot.merge(other)
    assert slot.seen == sum(slot.kinds.values()) == len(ours) + len(theirs)
    assert (copied.seen, copied.values) == (len(ours), filled(ours).values)
    assert len(slot.values) <= MAX_VALUES
