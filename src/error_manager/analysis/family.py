"""Families of errors: what they are called, how they look, what to check (seed box: Recommendation Engine).

The knowledge is data: TOML files that say of each family what it looks like. Reading them names every wrong
field of every file at once.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from error_manager.core.errors import ConfigurationError

_ID: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9][a-z0-9_]*)?")
_TYPE: Final = re.compile(r"[\w$:.\\]+")
_BEYOND_RE2: Final = re.compile(r"\(\?(?:[=!]|<[=!]|>|P=|\()|\\[1-9]|[*+?}]\+|\\[ZGKRXhHvV]")
_MAX_PATTERN_CHARS: Final = 200
_MIN_WEIGHT: Final = 0.5
_NEEDLE_CHARS: Final = 2
"""Letters or digits of a needle; shorter ones are in nearly every text."""
_REQUIRED_TEXTS: Final = ("id", "title")
_REQUIRED_LISTS: Final = ("causes", "checks", "platforms")
_PATTERNS: Final = ("messages", "message_hints", "frames", "unless")
_LISTS: Final = (*_REQUIRED_LISTS, *_PATTERNS, "types", "endings", "type_hints", "codes", "over")
_ENDING: Final = re.compile("[A-Z][A-Za-z0-9]{3,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One cause that many errors share, on whatever platform.

    ``types`` are names of exceptions, or their ends (``errors.SyntaxError`` is met by
    ``psycopg.errors.SyntaxError``); ``messages`` regular expressions of the common subset of ``re`` and RE2,
    without case and with ``^`` and ``$`` at each line; ``codes`` SQLSTATEs, names of errno, HTTP statuses,
    numbers of vendors, and what ``named_codes`` returns; ``frames`` expressions for
    ``path:module.function``. One of these is enough. ``endings`` are ends of names of exceptions of which
    nothing else is known, without ``Error`` or ``Exception``.
    ``type_hints`` and ``message_hints`` only add up. What ``unless`` matches is not of the family. Where both
    are found, the family comes before those in ``over``. ``weight`` (0.5 to 1) lowers a family whose marks
    are less telling. ``checks`` are in the order to do them.
    """

    id: str
    title: str
    causes: tuple[str, ...]
    checks: tuple[str, ...]
    platforms: tuple[str, ...]
    types: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    type_hints: tuple[str, ...] = ()
    message_hints: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    weight: float = 1.0


def parse_families(texts: Mapping[str, str]) -> tuple[Family, ...]:
    """Return the families of TOML files, in the order of files and entries.

    Args:
        texts: the text of each file by its name.

    Raises:
        ConfigurationError: with every wrong field of every file.
    """
    problems: list[str] = []
    families: list[Family] = []
    for name, text in texts.items():
        families += _families(name, text, problems)
    problems = problems or _between(families)  # a family that could not be read is missed by others
    if problems:
        raise ConfigurationError(problems)
    return tuple(families)


def _families(name: str, text: str, problems: list[str]) -> list[Family]:
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{name}: {error}")
        return []
    problems += [f"{name}: unknown table {key!r}" for key in tree if key != "family"]
    entries = tree.get("family")
    if not isinstance(entries, list) or not entries:
        problems.append(f"{name}: no [[family]]")
        return []
    found = []
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            problems.append(f"{name}: family {number} is no table")
            continue
        wrong = _wrong_fields(entry)
        problems += [f"{name}: family {number} ({entry.get('id', 'no id')}): {problem}" for problem in wrong]
        if not wrong:
            found.append(_family(entry))
    return found


def _family(entry: Mapping[str, Any]) -> Family:
    lists: dict[str, Any] = {key: tuple(entry.get(key, ())) for key in _LISTS}
    weight = float(entry.get("weight", 1.0))
    return Family(id=entry["id"], title=entry["title"], weight=weight, **lists)


def _wrong_fields(entry: Mapping[str, object]) -> list[str]:
    problems = [f"{key} is unknown" for key in entry if key not in {*_REQUIRED_TEXTS, *_LISTS, "weight"}]
    for key in _REQUIRED_TEXTS:
        value = entry.get(key)
        if not isinstance(value, str) or not value.strip():
            problems.append(f"{key} must be a text")
    if isinstance(entry.get("id"), str) and not _ID.fullmatch(str(entry["id"])):
        problems.append("id must be of the form group or group.name, in lower case")
    for key in _LISTS:
        problems += _wrong_list(key, entry.get(key))
    if not any(entry.get(key) for key in ("types", "messages", "codes")):
        problems.append("one of types, messages and codes is needed")
    weight = entry.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not _MIN_WEIGHT <= weight <= 1:
        problems.append(f"weight must be a number from {_MIN_WEIGHT} to 1")
    return problems


def _wrong_list(key: str, value: object) -> list[str]:
    if value is None:
        return [f"{key} is missing"] if key in _REQUIRED_LISTS else []
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        return [f"{key} must be a list of texts"]
    if key in _REQUIRED_LISTS and not value:
        return [f"{key} is empty"]
    problems = [f"{key}: {item!r} stands twice" for item in dict.fromkeys(value) if value.count(item) > 1]
    if key in _PATTERNS:
        problems += [f"{key}: {problem}" for item in value if (problem := _wrong_pattern(item))]
    if key in {"types", "type_hints"}:
        problems += [f"{key}: {item!r} is no name of a type" for item in value if not _TYPE.fullmatch(item)]
    if key == "endings":
        problems += [f"{key}: {item!r} is no end of a type" for item in value if not _ENDING.fullmatch(item)]
    return problems


def _wrong_pattern(pattern: str) -> str:
    """Return what is wrong with an expression, or an empty text."""
    if len(pattern) > _MAX_PATTERN_CHARS:
        return f"{pattern[:40]!r}... is longer than {_MAX_PATTERN_CHARS} characters"
    if _BEYOND_RE2.search(pattern):
        return f"{pattern!r} is beyond the common subset of re and RE2"
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        return f"{pattern!r}: {error}"
    if compiled.search("") is not None:
        return f"{pattern!r} matches the empty text"
    words = needles(pattern)
    if not words or any(sum(map(str.isalnum, word)) < _NEEDLE_CHARS for word in words):
        return f"{pattern!r} has no word that a text must hold"
    return ""


def _between(families: list[Family]) -> list[str]:
    """Return what is wrong between families: ids twice, references that lead nowhere or both ways."""
    by_id: dict[str, Family] = {}
    problems = []
    for family in families:
        if family.id in by_id:
            problems.append(f"{family.id}: the id stands twice")
        by_id[family.id] = family
    for family in families:
        for other in family.over:
            if other not in by_id:
                problems.append(f"{family.id}: over names {other!r}, which is no family")
            elif family.id in by_id[other].over:
                problems.append(f"{family.id}: it and {other} are over each other")
    return problems


# ---------------------------------------------------------------------------------------------- needles


def needles(pattern: str) -> tuple[str, ...]:
    """Return lower-case words of which a text must hold one for the pattern to match it.

    They let most expressions be passed over by plain search. Empty when no such words can be told.
    """
    return tuple(dict.fromkeys(_Needles(pattern).alternatives()))


class _Needles:
    """Reads an expression once, from left to right; texts and groups are kept where they must occur."""

    __slots__ = ("_at", "_pattern", "_repeated")

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._repeated = False

    def alternatives(self) -> list[str]:
        """Return the needles up to the end of the pattern or group; empty when an alternative has none."""
        found: list[str] = []
        is_open = False
        while True:
            best = self._sequence()
            is_open = is_open or not best
            found += best
            if self._at < len(self._pattern) and self._pattern[self._at] == "|":
                self._at += 1
                continue
            return [] if is_open else found

    def _sequence(self) -> list[str]:
        """Return the most telling needles of one alternative."""
        options: list[list[str]] = []
        run = ""
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            text, group = self._item()
            is_optional = self._quantified()
            if text is not None and not is_optional:
                run += text
                if not self._repeated:
                    continue
            if run:
                options.append([run])
                run = ""
            if group and not is_optional:
                options.append(group)
        if run:
            options.append([run])
        return max(options, key=lambda words: min(map(len, words)), default=[])

    def _item(self) -> tuple[str | None, list[str]]:
        """Read one element: its literal text (None: not literal), and the needles of a group."""
        char = self._pattern[self._at]
        self._at += 1
        if char == "\\":
            escaped = self._pattern[self._at]
            self._at += 1
            if escaped == "x":
                self._at += 2
            if escaped.isalnum():
                return ("", []) if escaped in "bBA" else (None, [])
            return escaped.lower(), []
        if char == "[":
            self._skip_class()
            return None, []
        if char == "(":
            if self._pattern.startswith(("?:", "?-i:"), self._at):
                self._at = self._pattern.index(":", self._at) + 1
            found = self.alternatives()
            self._at += 1
            return None, found
        if char in ".^$":
            return None, []
        return char.lower(), []

    def _skip_class(self) -> None:
        if self._pattern.startswith("^", self._at):
            self._at += 1
        first = self._at
        while self._pattern[self._at] != "]" or self._at == first:
            self._at += 2 if self._pattern[self._at] == "\\" else 1
        self._at += 1

    def _quantified(self) -> bool:
        """Read what follows an element; return whether the element may be absent."""
        is_optional = False
        self._repeated = False
        while self._at < len(self._pattern) and self._pattern[self._at] in "?*+{":
            char = self._pattern[self._at]
            if char == "{":
                end = self._pattern.index("}", self._at)
                is_optional = is_optional or self._pattern[self._at + 1 : end].split(",")[0] in {"", "0"}
                self._at = end
            is_optional = is_optional or (char in "?*" and not self._repeated)
            self._repeated = True
            self._at += 1
        return is_optional
