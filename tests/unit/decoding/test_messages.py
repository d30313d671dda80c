"""Formatting of log messages."""

from __future__ import annotations

import pytest

from error_manager.core.limits import MAX_MESSAGE_CHARS
from error_manager.core.types import ExceptionInfo
from error_manager.decoding.messages import exception_message, interpolate


@pytest.mark.parametrize(
    ("template", "params", "expected"),
    [
        ("paid %s of %d", ["five", 6], "paid five of 6"),
        ("paid %(a)s of %(b)d", {"a": "five", "b": 6}, "paid five of 6"),
        ("paid {} of {}", ["five", 6], "paid five of 6"),
        ("paid {1} of {0}", ["five", 6], "paid 6 of five"),
        ("paid {a} of {b}", {"a": "five", "b": 6}, "paid five of 6"),
        ("%5.2f%% of %-10s", [99.5, "it"], "99.5% of it"),
        ("%s", [["a", {"b": None}]], '["a",{"b":null}]'),
        ("%s %s", [None, True], " true"),
        ("%s and %s", ["one"], "one and %s"),
        ("%(a)s", ["one"], "%(a)s"),
        ("%(b)s", {"a": "one"}, "%(b)s"),
        ("{a}", ["one"], "{a}"),
        ("{999999999999}", ["one"], "one"),
        ("100% done", ["one"], "100oneone"),  # "% d" is a place with the blank flag
        ("50 %", ["one"], "50 %"),
        ("no places", ["one"], "no places"),
        ("%s", [], "%s"),
        ("%s", None, "%s"),
        ("%s", "text", "%s"),
        ("", ["one"], ""),
    ],
)
def test_templates_are_filled(template: str, params: object, expected: str) -> None:
    """Places of each style are filled by position or name; those without a parameter stay."""
    assert interpolate(template, params) == expected


def test_a_short_template_cannot_grow_without_bound() -> None:
    """A thousand places for one long parameter end at the cap."""
    assert len(interpolate("%(a)s" * 100_000, {"a": "x" * 16_000})) == MAX_MESSAGE_CHARS


@pytest.mark.parametrize(
    ("exceptions", "expected"),
    [
        ((), ""),
        ((ExceptionInfo(type="KeyError", value="'sku'"),), "KeyError: 'sku'"),
        ((ExceptionInfo(type="A", value="cause"), ExceptionInfo(type="B", value="raised")), "B: raised"),
        ((ExceptionInfo(type="AssertionError"),), "AssertionError"),
        ((ExceptionInfo(value="only a text"),), "only a text"),
        ((ExceptionInfo(),), ""),
    ],
)
def test_the_message_of_exceptions(exceptions: tuple[ExceptionInfo, ...], expected: str) -> None:
    """Type and value of the last exception, or what there is of them."""
    assert exception_message(exceptions) == expected
