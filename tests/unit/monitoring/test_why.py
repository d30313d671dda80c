"""Why an error is where it is, and how patterns differ."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.types import PatternId
from error_manager.monitoring.why import Difference, Reason, differences, most_alike, reason
from error_manager.storage.base import PatternParts, Placement

TOTAL = ("type: KeyError", "frame: shop.cart.total", "name: price")
parts = st.lists(
    st.tuples(st.sampled_from(["type", "frame", "message"]), st.text("abc .=1", max_size=8)).map(": ".join),
    max_size=5,
    unique=True,
).map(tuple)


def other(number, *listed):
    """Return a pattern with these parts."""
    return PatternParts(
        id=PatternId(number), title=f"T{number}", message="", culprit="", parts=listed, count=1, shared=1
    )


@pytest.mark.parametrize(
    ("by", "listed", "expected"),
    [
        ("fingerprint", TOTAL, Reason.FINGERPRINT),
        ("fingerprint", ("client: mine",), Reason.CLIENT),
        ("fingerprint", ("type: client: x",), Reason.FINGERPRINT),
        ("person", ("client: mine",), Reason.PERSON),
    ],
)
def test_the_reason_is_who_decided(by, listed, expected):
    """A person before the application before the product."""
    placement = Placement(group="0" * 32, by=by, since=datetime(2026, 11, 1, tzinfo=UTC))
    assert reason(placement, listed) is expected


def test_the_nearest_shares_most_and_says_what_differs():
    """Another function of the same module is nearer than another type in the same function's namesake."""
    found = most_alike(
        TOTAL,
        [
            other(3, "type: ValueError", "frame: shop.orders.save"),
            other(2, "type: KeyError", "frame: shop.cart.sum", "name: price"),
            other(1, "type: KeyError", "frame: shop.orders.total", "name: count", "logger: x"),
        ],
        limit=2,
    )
    assert [alike.id for alike in found] == [2, 1]
    assert found[0].sentence == "frame shop.cart.total instead of shop.cart.sum"
    assert found[1].sentence == (
        "frame shop.cart.total instead of shop.orders.total; name price instead of count; no logger x"
    )
    # By hand: type, key, error; frame, shop, cart, total; name, price are 9 features each. The frame
    # and its last word differ.
    assert found[0].likeness == pytest.approx(2 * 7 / 18)


def test_what_only_one_has_is_named():
    """Several values of a kind are compared in order."""
    assert differences(("type: A", "type: B", "line: x"), ("type: A", "type: C", "type: D")) == (
        Difference(part="type", here="B", there="C"),
        Difference(part="type", here="", there="D"),
        Difference(part="line", here="x", there=""),
    )


@given(parts, parts)
def test_differences_are_the_same_from_either_side(here, there):
    """Nothing differs from itself, likeness is symmetric and within 0 and 1."""
    assert differences(here, here) == ()
    one, two = differences(here, there), differences(there, here)
    assert sorted((d.part, d.here, d.there) for d in one) == sorted((d.part, d.there, d.here) for d in two)
    (forth,) = most_alike(here, [other(1, *there)], limit=1)
    (back,) = most_alike(there, [other(1, *here)], limit=1)
    assert forth.likeness == back.likeness
    assert 0 <= forth.likeness <= 1
    if here:
        assert most_alike(here, [other(1, *here)], limit=1)[0].likeness == 1
