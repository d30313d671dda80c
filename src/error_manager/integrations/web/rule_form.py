"""The form of a grouping rule: fields of a page to a rule and back, and a draft from a pattern."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from error_manager.core.rule_form import MAX_MATCHERS
from error_manager.core.rules import GroupingRule, IgnoreFrames, MaskMessage, Matcher, SetParts
from error_manager.core.value_mask import WILDCARD
from error_manager.storage.rules import StoredRule

_ROWS: Final = 3
"""Empty or not, this many matchers are offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatcherRow:
    """One line of the form."""

    field: str = ""
    is_glob: bool = True
    pattern: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleForm:
    """What the form shows; ``problems`` are messages to stand above it."""

    rows: tuple[MatcherRow, ...] = ()
    action: str = "fingerprint"
    parts: str = ""
    mask_pattern: str = ""
    mask_name: str = ""
    frames: str = ""
    note: str = ""
    problems: tuple[str, ...] = ()


def form_of(stored: StoredRule) -> RuleForm:
    """Return the form of a stored rule."""
    rows = tuple(
        MatcherRow(field=item.field, is_glob=item.is_glob, pattern=item.pattern)
        for item in stored.rule.matchers
    )
    match stored.rule.action:
        case SetParts(parts=parts):
            return RuleForm(rows=_padded(rows), parts="\n".join(parts), note=stored.note)
        case MaskMessage(pattern=pattern, name=name):
            return RuleForm(
                rows=_padded(rows), action="mask", mask_pattern=pattern, mask_name=name, note=stored.note
            )
        case IgnoreFrames(glob=glob):
            return RuleForm(rows=_padded(rows), action="ignore_frames", frames=glob, note=stored.note)


def empty_form() -> RuleForm:
    """Return the form of a new rule."""
    return RuleForm(rows=_padded(()))


def draft_of(parts: tuple[str, ...]) -> RuleForm:
    """Return the draft of a rule that catches what a pattern with these parts has; a person widens it."""
    told = dict(part.split(": ", 1) for part in parts if ": " in part)
    rows = [MatcherRow(field=name, pattern=told[key]) for name, key in _DRAFTED if key in told]
    if "message" in told and not rows:
        rows.append(MatcherRow(field="message", pattern=f"*{told['message'].replace(WILDCARD, '*')}*"))
    names = {"type": "{{ type }}", "frame": "{{ module }}.{{ function }}", "message": "{{ message }}"}
    wanted = [text for key, text in names.items() if key in told] or ["{{ default }}"]
    return RuleForm(rows=_padded(tuple(rows)), parts="\n".join(wanted))


_DRAFTED: Final = (("type", "type"), ("frame", "frame"), ("logger", "logger"))


def read_form(data: Mapping[str, str]) -> RuleForm:
    """Return what a person filled in."""
    rows = tuple(
        MatcherRow(
            field=data.get(f"field_{place}", "").strip(),
            is_glob=data.get(f"kind_{place}") != "regex",
            pattern=data.get(f"pattern_{place}", ""),
        )
        for place in range(MAX_MATCHERS)
    )
    return RuleForm(
        rows=_padded(tuple(row for row in rows if row.field or row.pattern)),
        action=data.get("action", ""),
        parts=data.get("parts", "").replace("\r\n", "\n"),
        mask_pattern=data.get("mask_pattern", ""),
        mask_name=data.get("mask_name", "").strip(),
        frames=data.get("frames", "").strip(),
        note=data.get("note", "").strip(),
    )


def rule_of(form: RuleForm, *, number: int = 0) -> GroupingRule:
    """Return the rule that a form says; what is wrong with it is for the checks of rules to say."""
    matchers = tuple(
        Matcher(field=row.field, pattern=row.pattern, is_glob=row.is_glob)
        for row in form.rows
        if row.field or row.pattern
    )
    action: SetParts | MaskMessage | IgnoreFrames
    if form.action == "mask":
        action = MaskMessage(pattern=form.mask_pattern, name=form.mask_name)
    elif form.action == "ignore_frames":
        action = IgnoreFrames(glob=form.frames)
    else:
        lines = (line.strip() for line in form.parts.split("\n"))
        action = SetParts(parts=tuple(line for line in lines if line))
    return GroupingRule(id=number, matchers=matchers, action=action)


def _padded(rows: tuple[MatcherRow, ...]) -> tuple[MatcherRow, ...]:
    """Return the rows with empty ones to fill in."""
    wanted = min(MAX_MATCHERS, max(_ROWS, len(rows) + 1))
    return (*rows, *(MatcherRow() for _ in range(wanted - len(rows))))
