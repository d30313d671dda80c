"""Reads fields of our own form: a value of the wrong kind is an error with its path (seed box: Validator)."""

from __future__ import annotations

from typing import Final

from error_manager.core.limits import (
    MAX_LABEL_CHARS,
    MAX_LINE,
    MAX_MEMBERS,
    MAX_TAGS,
    MAX_TEXT_CHARS,
    cut_text,
)
from error_manager.core.types import FieldError
from error_manager.decoding.reader import FieldReader, kind_name, scalar_text

_MAX_ERRORS: Final = 1_000


class StrictReader(FieldReader):
    """A ``FieldReader`` that collects an error for each value of the wrong kind; null counts as absent."""

    __slots__ = ("errors",)

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[FieldError] = []

    def fail(self, name: str, message: str) -> None:
        """Add an error about the field ``name`` of the current object."""
        if len(self.errors) < _MAX_ERRORS:
            path = f"{self.path}.{name}" if self.path else name
            self.errors.append(FieldError(path=path, message=message))

    def expect(self, name: str, expected: str, value: object) -> None:
        """Add an error that a value is of the wrong kind."""
        self.fail(name, f"expected {expected}, got {kind_name(value)}")

    def text(self, value: object, name: str, limit: int = MAX_TEXT_CHARS) -> str:
        """Return a text within ``limit`` characters."""
        if type(value) is str:
            return value if len(value) <= limit else super().text(value, name, limit)
        if value is not None:
            self.expect(name, "a text", value)
        return ""

    def line(self, value: object, name: str) -> int:
        """Return a line or column number, 0 when there is none."""
        return self.whole(value, name) or 0

    def whole(self, value: object, name: str) -> int | None:
        """Return a whole number from 0 to ``MAX_LINE``, or None."""
        if value is None or (type(value) is int and 0 <= value <= MAX_LINE):
            return value
        if type(value) is int:
            self.fail(name, f"expected a whole number from 0 to {MAX_LINE}")
        else:
            self.expect(name, "a whole number", value)
        return None

    def truth(self, value: object, name: str) -> bool | None:
        """Return a truth value, or None."""
        if value is None or isinstance(value, bool):
            return value
        self.expect(name, "true or false", value)
        return None

    def mapping(self, value: object, name: str) -> dict[str, object]:
        """Return a free-form object within the caps."""
        if value is None or isinstance(value, dict):
            return super().mapping(value, name)
        self.expect(name, "an object", value)
        return {}

    def objects(self, value: object, name: str) -> list[dict[str, object]]:
        """Return the members of a list of objects; others are errors."""
        if value is None:
            return []
        if not isinstance(value, list):
            self.expect(name, "a list", value)
            return []
        objects: list[dict[str, object]] = []
        for place, member in enumerate(value):
            if isinstance(member, dict):
                objects.append(member)
            else:
                self.expect(f"{name}.{place}", "an object", member)
        return objects

    def pairs(self, value: object, name: str, limit: int = MAX_MEMBERS) -> dict[str, str]:
        """Return an object of texts; numbers and truth values become text, null is dropped."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.expect(name, "an object", value)
            return {}
        scalars: dict[str, object] = {}
        for key, member in value.items():
            if isinstance(member, dict | list):
                self.expect(
                    f"{name}.{cut_text(key, MAX_LABEL_CHARS)}", "a text, a number or a truth value", member
                )
            else:
                scalars[key] = member
        return super().pairs(scalars, name, limit)

    def tags(self, value: object) -> tuple[tuple[str, str], ...]:
        """Return tags: an object of scalars, within the caps."""
        if isinstance(value, dict) and len(value) > MAX_TAGS:
            self.note("tags", f"cut from {len(value)} to {MAX_TAGS} members")
            value = dict(list(value.items())[:MAX_TAGS])
        return super().tags(value)

    def texts(self, value: object, name: str, limit: int) -> tuple[str, ...]:
        """Return a list of texts, at most ``limit``."""
        if value is None or isinstance(value, list):
            for place, member in enumerate(value or ()):
                if not isinstance(member, str):
                    self.expect(f"{name}.{place}", "a text", member)
            texts = [member for member in value or () if isinstance(member, str)]
            return super().texts(texts, name, limit)
        self.expect(name, "a list of texts", value)
        return ()

    def scalar(self, value: object, name: str, limit: int) -> str:
        """Return a text, also for a number."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return scalar_text(value, limit)
        return self.text(value, name, limit)
