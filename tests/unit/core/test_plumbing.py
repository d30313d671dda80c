"""The place of an error is where it was made, not the layer that carried it, whatever its name."""

from __future__ import annotations

import pytest

from error_manager.core.fingerprint import fingerprint
from error_manager.core.plumbing import anchor, is_plumbing
from error_manager.core.types import ErrorEvent, EventId, ExceptionInfo, Frame

_ENTRY = Frame(module="shop.api", function="handle_request", context_line="return total(cart)")
_PLACE = Frame(module="shop.cart", function="total", context_line="return guarded(sum_up, cart)")


@pytest.mark.parametrize(
    "line",
    [
        "return fn(*args)",
        "return fn(*a, **kw)",
        "return await handler(request, **options)",
        "try: return f(*a,**k)",
        "result = self.fn(*self.args, **self.kwargs)",
        "return fn(...args);",
        "return original.apply(this, arguments);",
        "raise",
        "raise exc",
        "raise self._exception",
        "raise error from cause",
        "throw err;",
        "raise ValueError(message)",
        "throw new Error(message);",
    ],
)
def test_lines_that_carry_others(line):
    """They forward what they were given, or raise it; the name of the function does not matter."""
    assert is_plumbing(Frame(module="zebra.quux", function="frobnicate", context_line=line))


@pytest.mark.parametrize(
    "line",
    [
        'raise ValueError(f"no price for {sku}")',
        "raise KeyError(sku)",
        'throw new TypeError("no cart");',
        "return prices[sku]",
        "total = sum(item.price for item in cart)",
    ],
)
def test_lines_that_say_what_is_done(line):
    """They are the place itself."""
    assert not is_plumbing(Frame(module="shop.cart", function="total", context_line=line))


def test_a_line_that_raises_wins_over_a_name_that_sounds_like_a_layer():
    """``check`` of the application, with an error of its own, is a place."""
    frame = Frame(module="shop.orders", function="check", context_line='raise ValueError("no items")')
    assert not is_plumbing(frame)
    assert is_plumbing(Frame(module="shop.orders", function="check"))


def test_without_a_line_the_package_decides():
    """With one it does not: business code lives in packages called core, too."""
    assert is_plumbing(Frame(module="core.telemetry", function="observe"))
    assert not is_plumbing(Frame(module="core.telemetry", function="observe", context_line="x = y[0]"))
    assert not is_plumbing(Frame(module="telemetry", function="observe"))


def test_a_data_layer_is_passed_over_by_the_type_it_raises():
    """All its frames are, up to the caller in another module; not when a driver below it failed."""
    layer = (
        Frame(module="pond", function="ask", context_line="return _send(q)"),
        Frame(module="pond", function="_send", context_line='raise DatabaseError("no relation: " + q)'),
    )
    own = (_ENTRY, _PLACE, *layer)
    assert anchor(own, "DatabaseError", is_leaf_own=True) == 1
    assert anchor(own, "DatabaseError", is_leaf_own=False) == 3
    assert anchor(own, "KeyError", is_leaf_own=True) == 3
    assert anchor(layer, "DatabaseError", is_leaf_own=True) == 1


def test_a_stack_of_nothing_but_plumbing_keeps_its_innermost_frame():
    """There is no better name."""
    own = [Frame(module="a", function="wrapper", context_line="return f(*a)")] * 2
    assert anchor(own, "", is_leaf_own=True) == 1


def test_two_faults_below_one_unknown_guard_are_two_groups():
    """And each is one group, from whichever line of the guard it is raised."""

    def group(place, raising):
        frames = (
            _ENTRY,
            Frame(module="shop.cart", function=place, context_line="demand(cart, problem)"),
            Frame(module="vault.contract", function="demand", context_line=raising),
        )
        exception = ExceptionInfo(type="ValueError", value="x", frames=frames)
        return fingerprint(
            ErrorEvent(
                event_id=EventId("a" * 32),
                timestamp=None,
                message="x",
                platform="python",
                exceptions=(exception,),
            )
        ).hash

    assert group("total", "raise exc") == group("total", "return fn(*args)")
    assert group("total", "raise exc") != group("refund", "raise exc")
