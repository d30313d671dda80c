"""Reads a stranger's object field by field: bad ones are dropped and noted (seed box: Validator)."""

from __future__ import annotations

from typing import Final, TypeGuard

import msgspec

from error_manager.core.limits import (
    MAX_LABEL_CHARS,
    MAX_LINE,
    MAX_MEMBERS,
    MAX_NOTES,
    MAX_TAGS,
    MAX_TEXT_CHARS,
    cut_text,
)
from error_manager.core.types import FieldNote
from error_manager.decoding.json_text import bound, bound_scalar

_KIND_NAMES: Final = {
    type(None): "null",
    bool: "a truth value",
    int: "a number",
    float: "a number",
    str: "a text",
    dict: "an object",
    list: "a list",
}


def kind_name(value: object) -> str:
    """Return what JSON calls a value, for people: ``a text``, ``an object``."""
    return _KIND_NAMES.get(type(value), "something else")


class FieldReader:
    """Turns members of decoded JSON into fields of core types within the caps; notes what was dropped or cut.

    ``path`` is the dotted path of the object being read ("" for the error itself); the caller sets it.
    """

    __slots__ = ("notes", "path")

    def __init__(self) -> None:
        self.path = ""
        self.notes: list[FieldNote] = []

    def note(self, name: str, reason: str) -> None:
        """Note that the field ``name`` of the current object was dropped or cut."""
        if len(self.notes) < MAX_NOTES:
            path = f"{self.path}.{name}" if self.path else name
            self.notes.append(FieldNote(path=path, reason=reason))

    def text(self, value: object, name: str, limit: int = MAX_TEXT_CHARS) -> str:
        """Return a text within ``limit`` characters; numbers and truth values become text, null is ""."""
        if type(value) is str:
            if len(value) <= limit:
                return value
            self.note(name, f"cut from {len(value)} to {limit} characters")
            return cut_text(value, limit)
        if value is None:
            return ""
        if isinstance(value, dict | list):
            self.note(name, f"dropped: expected a text, got {kind_name(value)}")
            return ""
        return scalar_text(value, limit)

    def json_text(self, value: object, name: str) -> str:
        """Return a text; objects and lists become JSON text."""
        if isinstance(value, dict | list):
            bounded, _ = bound(value)
            value = msgspec.json.encode(bounded).decode()
        return self.text(value, name)

    def line(self, value: object, name: str) -> int:
        """Return a line or column number, 0 when there is none."""
        if type(value) is int and 0 <= value <= MAX_LINE:
            return value
        if value is None:
            return 0
        if isinstance(value, float) and value.is_integer() and 0 <= value <= MAX_LINE:
            return int(value)
        if isinstance(value, str) and len(value) <= len(str(MAX_LINE)) and value.isdecimal():
            return min(int(value), MAX_LINE)
        self.note(name, "dropped: expected a whole number")
        return 0

    def whole(self, value: object, name: str) -> int | None:
        """Return a whole number from 0 to ``MAX_LINE``, or None."""
        if type(value) is int and 0 <= value <= MAX_LINE:
            return value
        if value is not None:
            self.note(name, "dropped: expected a whole number")
        return None

    def mapping(self, value: object, name: str) -> dict[str, object]:
        """Return a free-form object within the caps; null is {}."""
        if type(value) is dict:
            bounded, cuts = bound(value)
            if cuts:
                self.note(name, f"{cuts} of its values cut")
            return bounded if isinstance(bounded, dict) else {}
        if value is not None:
            self.note(name, f"dropped: expected an object, got {kind_name(value)}")
        return {}

    def anything(self, value: object, name: str) -> object:
        """Return any JSON value within the caps."""
        bounded, cuts = bound(value)
        if cuts:
            self.note(name, f"{cuts} of its values cut")
        return bounded

    def values(self, value: object, name: str) -> list[object]:
        """Return the members of ``{"values": [...]}``, of a bare list, or one object as the only member."""
        if isinstance(value, dict):
            inner = value.get("values", value)
            return self.values(inner, name) if inner is not value else [value] if value else []
        if isinstance(value, list):
            return value
        if value is not None:
            self.note(name, f"dropped: expected a list, got {kind_name(value)}")
        return []

    def pairs(self, value: object, name: str, limit: int = MAX_MEMBERS) -> dict[str, str]:
        """Return a map of texts from an object (lists become joined texts) or a list of pairs; null is {}."""
        if _are_short_texts(value, limit):
            return value
        pairs: list[tuple[object, object]]
        if isinstance(value, dict):
            pairs = list(value.items())
        elif isinstance(value, list):
            pairs = [(item[0], item[1]) for item in value if isinstance(item, list) and len(item) == 2]
            if len(pairs) < len(value):
                self.note(name, f"{len(value) - len(pairs)} members dropped: expected pairs")
        else:
            if value is not None:
                self.note(name, f"dropped: expected an object, got {kind_name(value)}")
            return {}
        if len(pairs) > limit:
            self.note(name, f"cut from {len(pairs)} to {limit} members")
        return {
            scalar_text(key, MAX_LABEL_CHARS): _joined(member)
            for key, member in pairs[:limit]
            if key is not None and member is not None
        }

    def tags(self, value: object) -> tuple[tuple[str, str], ...]:
        """Return tags: texts within ``MAX_LABEL_CHARS``, null dropped, each key once (the last wins)."""
        pairs = self.pairs(value, "tags", MAX_TAGS)
        tags = {}
        for key, member in pairs.items():
            if not key:
                continue
            if len(member) > MAX_LABEL_CHARS:
                self.note(f"tags.{key}", f"cut from {len(member)} to {MAX_LABEL_CHARS} characters")
            tags[key] = cut_text(member, MAX_LABEL_CHARS)
        return tuple(tags.items())

    def texts(self, value: object, name: str, limit: int) -> tuple[str, ...]:
        """Return a list of texts (null members are ""), at most ``limit``; one text is a list of one."""
        if value is None:
            return ()
        members = value if isinstance(value, list) else [value]
        if len(members) > limit:
            self.note(name, f"cut from {len(members)} to {limit} members")
        return tuple([self.text(member, name) for member in members[:limit]])


def _are_short_texts(value: object, limit: int) -> TypeGuard[dict[str, str]]:
    """Return whether a value is a map of texts within all caps: the usual case, quick to see."""
    if type(value) is not dict or len(value) > limit:
        return False
    for key, member in value.items():
        if type(member) is not str or len(member) > MAX_TEXT_CHARS or len(key) > MAX_LABEL_CHARS:
            return False
    return True


def scalar_text(value: object, limit: int = MAX_TEXT_CHARS) -> str:
    """Return the text of a scalar: ``true``, ``5``; containers as JSON text; null is ""."""
    if isinstance(value, str):
        return cut_text(value, limit)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        bounded, _ = bound(value)
        return cut_text(msgspec.json.encode(bounded).decode(), limit)
    return cut_text(str(bound_scalar(value)), limit)


def _joined(member: object) -> str:
    if isinstance(member, list):
        return cut_text(", ".join(scalar_text(part) for part in member[:MAX_MEMBERS]), MAX_TEXT_CHARS)
    return scalar_text(member)
