"""Rules are met by the right errors, change the right parts, and never fail or move an error by masking."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.core.test_fingerprint import EVENTS, error, frame, raised

from error_manager.core.errors import ValidationError
from error_manager.core.fingerprint import VERSION, VERSIONS, fingerprint
from error_manager.core.rule_form import MAX_MATCHERS, MAX_RULES, check_rules, rule_from_json, rule_to_json
from error_manager.core.rules import (
    FIELDS,
    GroupingRule,
    IgnoreFrames,
    MaskMessage,
    Matcher,
    RuleSet,
    SetParts,
)
from error_manager.core.types import ExceptionInfo
from error_manager.runtime.wiring.linear import compile_linear
from error_manager.security.pii import Masker

MASKER = Masker()


def rule(action, *matchers, number=1) -> GroupingRule:
    """Return a rule with matchers given as (field, glob)."""
    listed = tuple(Matcher(field=field, pattern=glob, is_glob=True) for field, glob in matchers)
    return GroupingRule(id=number, action=action, matchers=listed)


def parts_of(*parts: str) -> SetParts:
    """Return a fingerprint action."""
    return SetParts(parts=parts)


def rule_set(*rules: GroupingRule) -> RuleSet:
    """Return the compiled rules."""
    return RuleSet(rules, compile_linear)


PAYMENT = replace(
    raised(frame("shop.pay.charge"), type="TimeoutError", value="order AB-7 timed out after 30 s"),
    message="TimeoutError: order AB-7 timed out after 30 s",
    logger="shop.pay",
    release="7.1",
    environment="production",
    tags=(("tenant", "acme"), ("password", "hunter2")),
)


@pytest.mark.parametrize(
    ("field", "glob", "is_met"),
    [
        ("type", "Timeout*", True),
        ("type", "timeout*", False),
        ("message", "*timed out*", True),
        ("message", "order ??-7*", True),
        ("message", "order AB-7", False),
        ("frame", "shop.pay.charge", True),
        ("in_app.frame", "shop.*", True),
        ("function", "charge", True),
        ("module", "shop.pay", True),
        ("path", "shop.*.py", True),
        ("logger", "shop.*", True),
        ("release", "7.1", True),
        ("release", "7*1", True),
        ("release", "7.?1", False),
        ("environment", "prod*", True),
        ("severity", "error", True),
        ("tag.tenant", "acme", True),
        ("tag.other", "*", False),
        ("tag.password", "*", False),
    ],
)
def test_each_field_is_matched(field, glob, is_met):
    """A glob takes the whole text of a field; tags whose name promises a secret cannot be asked."""
    met = rule_set(rule(parts_of("x"), (field, glob))).look(PAYMENT)
    assert (met is not None) == is_met


def test_all_matchers_must_match_and_the_first_fingerprint_rule_wins():
    """Rules are asked in their order; a later fingerprint rule has no say any more."""
    rules = rule_set(
        rule(parts_of("first"), ("type", "Timeout*"), ("logger", "other"), number=1),
        rule(parts_of("second"), ("type", "Timeout*"), ("logger", "shop.pay"), number=2),
        rule(parts_of("third"), ("type", "*"), number=3),
    )
    found = fingerprint(PAYMENT, rules)
    assert (found.parts, found.rules) == (("rule: second",), (2,))


def test_placeholders_stand_for_what_the_error_says():
    """Every placeholder is filled; ``{{ default }}`` alone brings all default parts."""
    matchers = (
        Matcher(field="type", pattern="(Time)(out)"),
        Matcher(field="message", pattern="order ([A-Z]+)"),
    )
    action = parts_of(
        "{{ type }} at {{ module }}/{{function}}",
        "{{ tag.tenant }}{{ tag.none }} {{ environment }} {{ release }} {{ severity }} {{ logger }}",
        "{{ capture.3 }}{{ capture.1 }}",
        "{{ message }}",
        "{{ default }}",
    )
    found = fingerprint(PAYMENT, rule_set(GroupingRule(id=4, action=action, matchers=matchers)))
    assert found.parts == (
        "rule: TimeoutError at shop.pay/charge",
        "rule: acme production 7.1 error shop.pay",
        "rule: ABTime",
        "rule: order AB-<*> timed out after <*> s",
        *fingerprint(PAYMENT).parts,
    )


def test_a_mask_makes_messages_one():
    """What a rule masks is a variable for grouping; the default parts are used otherwise."""
    rules = rule_set(rule(MaskMessage(pattern="order [A-Z]+", name="order"), number=9))
    one, other = (error(message=f"order {name} is lost") for name in ("ABC", "XYZ"))
    assert fingerprint(one).hash != fingerprint(other).hash
    assert fingerprint(one, rules).parts == ("message: <order> is lost",)
    assert (fingerprint(one, rules), fingerprint(one, rules).rules) == (fingerprint(other, rules), (9,))
    assert fingerprint(error(message="nothing"), rules) == fingerprint(error(message="nothing"))


def test_ignored_frames_name_no_place():
    """A frame that a rule takes for foreign is passed over; the frame before it names the place."""
    event = raised(frame("shop.pay.charge"), frame("shop.vendored.http.send"))
    rules = rule_set(rule(IgnoreFrames(glob="shop.vendored.*")))
    assert "frame: shop.vendored.http.send" in fingerprint(event).parts
    assert "frame: shop.pay.charge" in fingerprint(event, rules).parts


def test_a_rule_overrides_the_clients_fingerprint():
    """The project's rule wins over the client; ``{{ default }}`` is what the error has without the rule."""
    event = replace(PAYMENT, fingerprint=("mine",))
    rules = rule_set(rule(parts_of("{{ default }}", "eu"), ("type", "*")))
    assert fingerprint(event, rules).parts == ("client: mine", "rule: eu")


def test_versions_run_beside_each_other(monkeypatch):
    """A second version has parts and hashes of its own, with and without rules; the first is as it was."""
    before = fingerprint(PAYMENT)
    monkeypatch.setitem(VERSIONS, 11, lambda event: [f"severity: {event.severity.value}"])
    other = fingerprint(PAYMENT, version=11)
    assert (other.version, other.parts) == (11, ("severity: error",))
    assert other.hash != fingerprint(PAYMENT).hash
    assert (fingerprint(PAYMENT), fingerprint(PAYMENT, version=VERSION)) == (before, before)
    ruled = rule_set(rule(parts_of("{{ default }}", "x"), ("type", "*")))
    assert fingerprint(PAYMENT, ruled, version=11).parts == ("severity: error", "rule: x")


# --- properties ---------------------------------------------------------------------------------------------

PATTERNS = st.text(st.sampled_from("ab*?.[](){}|\\+^$é\ud8001,<> "), max_size=12)
MATCHERS = st.builds(
    Matcher, field=st.sampled_from([*FIELDS, "tag.a", "tag.é"]), pattern=PATTERNS, is_glob=st.booleans()
)
ACTIONS = st.one_of(
    st.builds(
        SetParts,
        parts=st.lists(
            st.sampled_from(
                [
                    "{{ default }}",
                    "x {{ type }}",
                    "{{ message }}",
                    "{{ function }}",
                    "{{ module }}",
                    "{{ tag.a }}",
                ]
            ),
            min_size=1,
            max_size=3,
        ).map(tuple),
    ),
    st.builds(MaskMessage, pattern=PATTERNS, name=st.just("thing")),
    st.builds(IgnoreFrames, glob=PATTERNS),
)
RULES = st.lists(
    st.builds(
        GroupingRule,
        id=st.integers(1, 9),
        action=ACTIONS,
        matchers=st.lists(MATCHERS, max_size=3).map(tuple),
    ),
    max_size=4,
)


def usable(rules: list[GroupingRule]) -> list[GroupingRule]:
    """Return the rules that the checks let in."""
    kept = []
    for one in rules:
        try:
            check_rules([one], compile_linear)
        except ValidationError:
            continue
        kept.append(one)
    return kept


@settings(max_examples=200, deadline=None)
@given(EVENTS, RULES)
def test_any_rules_on_any_error_raise_nothing_and_masking_moves_nothing(event, rules):
    """Rules that the checks let in answer for every error, the same before and after masking."""
    compiled = rule_set(*usable(rules))
    found = fingerprint(event, compiled)
    assert fingerprint(MASKER.mask_event(event).event, compiled) == found
    if compiled.look(event) is None:
        assert found == fingerprint(event)


@settings(max_examples=100, deadline=None)
@given(EVENTS)
def test_no_rules_are_no_change(event):
    """Without rules, with none active, and with rules that are not met the result is the same."""
    never = rule_set(rule(parts_of("x"), ("logger", "no such logger at all")))
    expected = fingerprint(event)
    assert (fingerprint(event, None), fingerprint(event, rule_set()), fingerprint(event, never)) == (
        expected,
        expected,
        expected,
    )


@settings(max_examples=100, deadline=None)
@given(EVENTS, RULES)
def test_frames_are_needed_where_a_set_says_so(event, rules):
    """A set that needs no frames finds the same rules in an error without them: dry runs count on it."""
    compiled = rule_set(*usable(rules))
    bare = tuple(replace(exception, frames=()) for exception in event.exceptions)
    head = replace(event, frames=(), exceptions=bare)
    if not compiled.needs_frames:
        assert (compiled.look(event) is None) == (compiled.look(head) is None)


def test_halves_of_surrogate_pairs_are_matched():
    """RE2 takes none; the text is matched with a mark in their place."""
    event = error(message="broken \ud800 text", exceptions=(ExceptionInfo(type="E\ud800", value="v\ud800"),))
    rules = rule_set(
        rule(MaskMessage(pattern="broken .", name="thing")),
        rule(parts_of("{{ type }}"), ("message", "*text")),
    )
    assert len(fingerprint(event, rules).rules) == 2


# --- form ---------------------------------------------------------------------------------------------------


@given(RULES)
def test_json_form_round_trips(rules):
    """What is stored comes back."""
    for one in rules:
        assert rule_from_json(rule_to_json(one), rule_id=one.id) == one


def matched(field: str = "type", **how: str) -> dict[str, object]:
    """Return the form of a rule with one matcher."""
    return {"matchers": [{"field": field, **how}], "action": {"ignore_frames": "*"}}


def grouped(*parts: str, **how: str) -> dict[str, object]:
    """Return the form of a fingerprint rule with one matcher."""
    return {**matched(**(how or {"glob": "*"})), "action": {"fingerprint": list(parts)}}


@pytest.mark.parametrize(
    ("form", "path", "says"),
    [
        ({"action": {"fingerprint": ["x"]}}, "matchers", "without a matcher"),
        ({"matchers": [], "action": {}}, "action", "expected one of"),
        ({"matchers": "x", "action": {"ignore_frames": "*"}}, "matchers", "expected a list"),
        ({"action": {"ignore_frames": "*"}, "more": 1}, "more", "unknown"),
        (matched(), "matchers.0", "`glob` or `regex`"),
        (matched("colour", glob="*"), "matchers.0.field", "use one"),
        (matched(regex="("), "matchers.0.regex", "missing )"),
        (matched(regex="a(?=b)"), "matchers.0.regex", "RE2"),
        (matched(regex="((a{0,99}){0,99})"), "matchers.0.regex", "RE2"),
        (matched(regex="a" * 501), "matchers.0.regex", "at most 500"),
        (matched(glob=""), "matchers.0.glob", "expected a pattern"),
        (grouped(), "action.fingerprint", "1 to"),
        (grouped("{{ nope }}"), "action.fingerprint.0", "names nothing"),
        (grouped("{{ capture.2 }}", regex="(a)"), "action.fingerprint.0", "1 groups"),
        (grouped(" "), "action.fingerprint.0", "characters"),
        ({"action": {"mask": {"pattern": "x", "name": "No Name"}}}, "action.mask.name", "a-z"),
        ({"action": {"mask": {"pattern": "[", "name": "x"}}}, "action.mask.pattern", "RE2"),
        (
            {"matchers": [{"field": "type", "glob": "*"}] * 9, "action": {"ignore_frames": "*"}},
            "matchers",
            f"at most {MAX_MATCHERS}",
        ),
    ],
)
def test_what_is_wrong_is_named(form, path, says):
    """Every wrong field has its path and says what was expected."""
    with pytest.raises(ValidationError) as caught:
        check_rules([rule_from_json(form)], compile_linear, is_single=True)
    assert [(wrong.path, says in wrong.message) for wrong in caught.value.errors] == [(path, True)]


def test_too_many_rules_are_refused():
    """A project has a bounded number of rules."""
    many = [rule(IgnoreFrames(glob="*"))] * (MAX_RULES + 1)
    with pytest.raises(ValidationError, match="at most"):
        check_rules(many, compile_linear)


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+$", "(a|a)*b", "(.*a){10}z", "(?:a?){100}a{100}", "(x+x+)+y", "([a-zA-Z]+)*!", "(.*?,){90}z"],
)
def test_hostile_expressions_are_refused_or_small(pattern):
    """What is let in is a program of bounded size, run by an engine that is linear in the text."""
    try:
        compiled = compile_linear(pattern)
    except ValueError:
        return
    assert compiled.programsize <= 1_000
    assert not isinstance(compiled, re.Pattern)


@pytest.mark.parametrize(
    ("made", "path"),
    [
        (rule(parts_of("x"), ("tag.a\0b", "x")), "matchers.0.field"),
        (rule(parts_of("x"), ("type", "a\0b")), "matchers.0.glob"),
        (rule(parts_of("a\0b"), ("type", "x")), "action.fingerprint.0"),
        (rule(MaskMessage(pattern="a\0b", name="x")), "action.mask.pattern"),
        (rule(MaskMessage(pattern="a", name="x\0")), "action.mask.name"),
        (rule(IgnoreFrames(glob="a\0b")), "action.ignore_frames"),
    ],
)
def test_a_rule_holds_no_nul(made, path) -> None:
    """No database text holds one, so the field is named."""
    with pytest.raises(ValidationError) as caught:
        check_rules([made], compile_linear, is_single=True)
    assert [wrong.path for wrong in caught.value.errors] == [path]
