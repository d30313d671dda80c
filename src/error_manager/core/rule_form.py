"""Rules in JSON and back, and what is wrong with a rule a person wrote (seed box: Pattern Matcher)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from error_manager.core.errors import ValidationError
from error_manager.core.rules import (
    FIELDS,
    TAG_PREFIX,
    CompileLinear,
    GroupingRule,
    IgnoreFrames,
    MaskMessage,
    Matcher,
    SetParts,
    glob_expression,
)
from error_manager.core.types import FieldError

MAX_RULES: Final = 50
"""Rules of one project; each costs each error a few microseconds."""
MAX_MATCHERS: Final = 8
MAX_PATTERN_CHARS: Final = 500
MAX_PARTS: Final = 8
MAX_PART_CHARS: Final = 200
MAX_NOTE_CHARS: Final = 500
NUL: Final = "\0"
"""No database text holds it."""
NO_NUL: Final = "expected no NUL character"
PLACEHOLDERS: Final = (
    "default",
    "type",
    "message",
    "function",
    "module",
    "logger",
    "release",
    "environment",
    "severity",
)
"""What ``{{ }}`` may name, besides ``tag.<name>`` and ``capture.<number>``."""
PLACEHOLDER: Final = re.compile(r"\{\{\s*([^{}\s]{1,200})\s*\}\}")
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,29}")
_CAPTURE: Final = re.compile(r"capture\.([1-9][0-9]{0,2})")


def rule_to_json(rule: GroupingRule) -> dict[str, object]:
    """Return matchers and action of a rule as they are sent and stored."""
    return {
        "matchers": [
            {"field": item.field, "glob" if item.is_glob else "regex": item.pattern} for item in rule.matchers
        ],
        "action": _action_to_json(rule),
    }


def _action_to_json(rule: GroupingRule) -> dict[str, object]:
    match rule.action:
        case SetParts(parts=parts):
            return {"fingerprint": list(parts)}
        case MaskMessage(pattern=pattern, name=name):
            return {"mask": {"pattern": pattern, "name": name}}
        case IgnoreFrames(glob=glob):
            return {"ignore_frames": glob}


def rule_from_json(value: object, *, path: str = "", rule_id: int = 0) -> GroupingRule:
    """Return the rule of its JSON form; its patterns are not looked at yet.

    Raises:
        ValidationError: with every field that is not of the form.
    """
    problems: list[FieldError] = []
    rule = _Reader(path, problems).rule(value, rule_id)
    if problems:
        raise ValidationError(problems)
    return rule


class _Reader:
    """Reads one rule and notes what is wrong, with its place."""

    def __init__(self, path: str, problems: list[FieldError]) -> None:
        self._path = f"{path}." if path else ""
        self._problems = problems

    def rule(self, value: object, rule_id: int) -> GroupingRule:
        form = self._object(value, "", {"matchers", "action"})
        listed = form.get("matchers", [])
        if not isinstance(listed, list):
            self._wrong("matchers", "expected a list")
            listed = []
        matchers = tuple(self._matcher(item, f"matchers.{place}") for place, item in enumerate(listed))
        return GroupingRule(id=rule_id, matchers=matchers, action=self._action(form.get("action")))

    def _matcher(self, value: object, path: str) -> Matcher:
        form = self._object(value, path, {"field", "glob", "regex"})
        kinds = [kind for kind in ("glob", "regex") if kind in form]
        if len(kinds) != 1:
            self._wrong(path, "expected `glob` or `regex`, one of them")
            return Matcher(field="", pattern="")
        return Matcher(
            field=self._text(form, "field", path),
            pattern=self._text(form, kinds[0], path),
            is_glob=kinds[0] == "glob",
        )

    def _action(self, value: object) -> SetParts | MaskMessage | IgnoreFrames:
        form = self._object(value, "action", {"fingerprint", "mask", "ignore_frames"})
        if len(form) != 1:
            self._wrong("action", "expected one of `fingerprint`, `mask`, `ignore_frames`")
        if "mask" in form:
            mask = self._object(form["mask"], "action.mask", {"pattern", "name"})
            return MaskMessage(
                pattern=self._text(mask, "pattern", "action.mask"),
                name=self._text(mask, "name", "action.mask"),
            )
        if "ignore_frames" in form:
            return IgnoreFrames(glob=self._text(form, "ignore_frames", "action"))
        parts = form.get("fingerprint", [])
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            self._wrong("action.fingerprint", "expected a list of texts")
            parts = []
        return SetParts(parts=tuple(str(part) for part in parts))

    def _object(self, value: object, path: str, known: set[str]) -> Mapping[str, object]:
        if not isinstance(value, Mapping):
            self._wrong(path, "expected an object")
            return {}
        for name in value:
            if name not in known:
                self._wrong(f"{path}.{name}" if path else str(name), "is unknown")
        return {name: item for name, item in value.items() if name in known}

    def _text(self, form: Mapping[str, object], name: str, path: str) -> str:
        value = form.get(name)
        if isinstance(value, str):
            return value
        self._wrong(f"{path}.{name}", "expected a text")
        return ""

    def _wrong(self, path: str, message: str) -> None:
        self._problems.append(FieldError(path=(self._path + path).rstrip("."), message=message))


def check_rules(
    rules: Sequence[GroupingRule], compile_pattern: CompileLinear, *, is_single: bool = False
) -> None:
    """Refuse rules that cannot work.

    Args:
        rules: in their order.
        compile_pattern: as for ``RuleSet``.
        is_single: name fields without the place of the rule in the list.

    Raises:
        ValidationError: with every wrong field of every rule.
    """
    problems = []
    if len(rules) > MAX_RULES:
        problems.append(FieldError(path="rules", message=f"a project has at most {MAX_RULES} rules"))
    for place, rule in enumerate(rules[:MAX_RULES]):
        path = "" if is_single else f"rules.{place}."
        problems += [
            FieldError(path=f"{path}{wrong.path}", message=wrong.message)
            for wrong in _wrong_fields(rule, compile_pattern)
        ]
    if problems:
        raise ValidationError(problems)


def _wrong_fields(rule: GroupingRule, compile_pattern: CompileLinear) -> Iterable[FieldError]:
    if len(rule.matchers) > MAX_MATCHERS:
        yield FieldError(path="matchers", message=f"a rule has at most {MAX_MATCHERS} matchers")
    if not rule.matchers and isinstance(rule.action, SetParts):
        yield FieldError(path="matchers", message="without a matcher all errors would become one pattern")
    groups = 0
    for place, matcher in enumerate(rule.matchers[:MAX_MATCHERS]):
        path = f"matchers.{place}"
        if not _is_field(matcher.field):
            known = ", ".join((*FIELDS, f"{TAG_PREFIX}<name>"))
            yield FieldError(path=f"{path}.field", message=f"unknown; use one of {known}")
        written = glob_expression(matcher.pattern) if matcher.is_glob else matcher.pattern
        kind = "glob" if matcher.is_glob else "regex"
        problem, count = _tried(matcher.pattern, written, compile_pattern)
        groups += 0 if matcher.is_glob else count
        if problem:
            yield FieldError(path=f"{path}.{kind}", message=problem)
    yield from _wrong_action(rule, compile_pattern, groups)


def _wrong_action(rule: GroupingRule, compile_pattern: CompileLinear, groups: int) -> Iterable[FieldError]:
    match rule.action:
        case SetParts(parts=parts):
            yield from _wrong_parts(parts, groups)
        case MaskMessage(pattern=pattern, name=name):
            problem, _ = _tried(pattern, pattern, compile_pattern)
            if problem:
                yield FieldError(path="action.mask.pattern", message=problem)
            if not _NAME.fullmatch(name):
                yield FieldError(
                    path="action.mask.name",
                    message="expected up to 30 of a-z, 0-9, - and _, starting with a letter",
                )
        case IgnoreFrames(glob=glob):
            problem, _ = _tried(glob, glob_expression(glob), compile_pattern)
            if problem:
                yield FieldError(path="action.ignore_frames", message=problem)


def _wrong_parts(parts: tuple[str, ...], groups: int) -> Iterable[FieldError]:
    path = "action.fingerprint"
    if not 1 <= len(parts) <= MAX_PARTS:
        yield FieldError(path=path, message=f"expected 1 to {MAX_PARTS} parts")
    for place, part in enumerate(parts[:MAX_PARTS]):
        if not 1 <= len(part.strip()) <= MAX_PART_CHARS or len(part) > MAX_PART_CHARS:
            yield FieldError(path=f"{path}.{place}", message=f"expected 1 to {MAX_PART_CHARS} characters")
        if NUL in part:
            yield FieldError(path=f"{path}.{place}", message=NO_NUL)
        for name in PLACEHOLDER.findall(part):
            if not _is_placeholder(name, groups):
                known = ", ".join((*PLACEHOLDERS, f"{TAG_PREFIX}<name>", "capture.<number>"))
                yield FieldError(
                    path=f"{path}.{place}",
                    message=f"{{{{ {name} }}}} names nothing here; use one of {known} "
                    f"(the expressions of this rule have {groups} groups)",
                )


def _is_field(name: str) -> bool:
    return name in FIELDS or (name.startswith(TAG_PREFIX) and name != TAG_PREFIX and NUL not in name)


def _is_placeholder(name: str, groups: int) -> bool:
    if name in PLACEHOLDERS or (name.startswith(TAG_PREFIX) and name != TAG_PREFIX):
        return True
    capture = _CAPTURE.fullmatch(name)
    return capture is not None and int(capture[1]) <= groups


def _tried(pattern: str, written: str, compile_pattern: CompileLinear) -> tuple[str, int]:
    """Return what is wrong with a pattern ("" for nothing) and its number of groups."""
    if not pattern:
        return "expected a pattern", 0
    if NUL in pattern:
        return NO_NUL, 0
    if len(pattern) > MAX_PATTERN_CHARS:
        return f"a pattern has at most {MAX_PATTERN_CHARS} characters", 0
    try:
        return "", compile_pattern(written).groups
    except ValueError as error:
        return f"no RE2 expression: {error}", 0
