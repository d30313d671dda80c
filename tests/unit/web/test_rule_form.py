"""The form of a rule: what a person fills in is the rule, and a pattern gives a draft."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from error_manager.core.rules import GroupingRule, IgnoreFrames, MaskMessage, Matcher, SetParts
from error_manager.integrations.web.pages import merging
from error_manager.integrations.web.rule_form import draft_of, empty_form, form_of, read_form, rule_of
from error_manager.storage.rules import StoredRule

MATCHERS = (
    Matcher(field="type", pattern="*Error", is_glob=True),
    Matcher(field="message", pattern="order ([a-z]+)"),
)


@pytest.mark.parametrize(
    "rule",
    [
        GroupingRule(id=3, matchers=MATCHERS, action=SetParts(parts=("{{ type }}", "x"))),
        GroupingRule(id=3, action=MaskMessage(pattern="a+", name="thing")),
        GroupingRule(id=3, matchers=MATCHERS[:1], action=IgnoreFrames(glob="*/vendor/*")),
    ],
)
def test_a_rule_is_what_its_form_says(rule):
    """Stored, shown, sent back unchanged: the same rule."""
    form = form_of(StoredRule(rule=rule, note="n", is_active=False, created_at=datetime.now(UTC)))
    sent = {"action": form.action, "parts": form.parts.replace("\n", "\r\n"), "note": form.note}
    sent |= {"mask_pattern": form.mask_pattern, "mask_name": form.mask_name, "frames": form.frames}
    for place, row in enumerate(form.rows):
        sent[f"field_{place}"], sent[f"pattern_{place}"] = row.field, row.pattern
        sent[f"kind_{place}"] = "glob" if row.is_glob else "regex"
    again = read_form(sent)
    assert (rule_of(again, number=3), again.note, again.rows) == (rule, "n", form.rows)


def test_a_form_names_patterns_by_short_numbers_only():
    """Numbers that no pattern can have are left out, however long."""
    texts = ["7", "0" * 11 + "1" * 5000, "2147483648", "2147483647", "x"]
    assert merging._numbers([("pattern", text) for text in texts], "pattern") == [7, 2147483647]


def test_an_empty_form_offers_rows():
    """A new rule starts with empty lines to fill in."""
    form = empty_form()
    assert (len(form.rows), rule_of(form)) == (3, GroupingRule(action=SetParts(parts=())))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (
            ("type: KeyError", "frame: shop.cart.total", "name: price"),
            GroupingRule(
                matchers=(
                    Matcher(field="type", pattern="KeyError", is_glob=True),
                    Matcher(field="frame", pattern="shop.cart.total", is_glob=True),
                ),
                action=SetParts(parts=("{{ type }}", "{{ module }}.{{ function }}")),
            ),
        ),
        (
            ("message: order <*> is lost",),
            GroupingRule(
                matchers=(Matcher(field="message", pattern="*order * is lost*", is_glob=True),),
                action=SetParts(parts=("{{ message }}",)),
            ),
        ),
        ((), GroupingRule(action=SetParts(parts=("{{ default }}",)))),
    ],
)
def test_a_pattern_gives_a_draft(parts, expected):
    """The draft matches what the pattern has and groups by what it is."""
    assert rule_of(draft_of(parts)) == expected
