"""Grouping rules of a project: values, and which of them an error meets (seed box: Pattern Matcher).

A rule is an ordered list of matchers, all of which must match, and one action: name the parts of the
fingerprint, mask something more in messages, or take frames for foreign. Pure: compiled patterns are handed
in, because core is stdlib only; they are to be linear (RE2). Matchers see masked text, so an error meets the
same rules before and after masking.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Protocol

from error_manager.core.place import place_name
from error_manager.core.quick import evolve
from error_manager.core.sensitive_key import is_sensitive_key
from error_manager.core.text_mask import mask_sensitive
from error_manager.core.types import ErrorEvent, Frame

TAG_PREFIX: Final = "tag."
FRAME_FIELDS: Final = ("path", "function", "module", "frame")
IN_APP_FIELDS: Final = tuple(f"in_app.{name}" for name in FRAME_FIELDS)
FIELDS: Final = (
    "type",
    "message",
    *FRAME_FIELDS,
    *IN_APP_FIELDS,
    "logger",
    "release",
    "environment",
    "severity",
)
"""What a matcher may look at, besides ``tag.<name>``."""
LOOK_CHARS: Final = 4_096
"""Matchers and masks read this much of a text."""
_MEMORY: Final = 20_000
"""Answers that all matchers and masks of a set remember together: names and texts come again and again."""
_MEMORY_CHARS: Final = 200
_FRAMES: Final = 2_048
"""Frames that each rule about foreign ones remembers."""


class Found(Protocol):
    """What matches of ``re`` and RE2 share."""

    def group(self, *groups: int) -> str | None:
        """Return what a group matched."""

    def groups(self) -> Sequence[str | None]:
        """Return what each group matched."""


class LinearPattern(Protocol):
    """What compiled patterns of ``re`` and RE2 share, as far as rules need it."""

    @property
    def groups(self) -> int:
        """Return the number of groups."""

    def search(self, text: str, /) -> Found | None:
        """Return the first match."""

    def sub(self, repl: Callable[[object], str], text: str, /) -> str:
        """Return the text with each match replaced."""


CompileLinear = Callable[[str], LinearPattern]
"""Compiles a pattern that takes linear time on any text; raises ValueError with the reason if it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matcher:
    """One condition: some text of the field matches the regular expression, or the whole of it the glob."""

    field: str
    pattern: str
    is_glob: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetParts:
    """The parts of the fingerprint, with ``{{ placeholders }}``."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskMessage:
    """One more typed mask: what matches the pattern in a message is read as ``<name>``."""

    pattern: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreFrames:
    """Frames whose path or ``module.function`` matches the glob are not of the application."""

    glob: str


Action = SetParts | MaskMessage | IgnoreFrames


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupingRule:
    """One rule; ``id`` is 0 while it is not stored."""

    action: Action
    matchers: tuple[Matcher, ...] = ()
    id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """What the rules make of an error.

    ``event`` is the error with masks and frames as the rules want them; ``parts`` are those of the first
    fingerprint rule it meets (None: the default ones), ``captures`` what the groups of its expressions
    matched, ``rules`` the ids of all rules that had a say.
    """

    event: ErrorEvent
    parts: tuple[str, ...] | None = None
    captures: tuple[str, ...] = ()
    rules: tuple[int, ...] = ()


def glob_expression(glob: str) -> str:
    """Return the regular expression of a glob: ``*`` any text, ``?`` one character, all else literally."""
    pieces = {"*": ".*", "?": "."}
    return "(?s)^" + "".join(pieces.get(char) or re.escape(char) for char in glob) + "$"


class RuleSet:
    """The active rules of a project, compiled; answers for one error after the other.

    Safe for threads: what it remembers cannot change an answer.
    """

    __slots__ = ("_rules",)

    def __init__(self, rules: Iterable[GroupingRule], compile_pattern: CompileLinear) -> None:
        """Compile the rules.

        Raises:
            ValueError: a pattern cannot be compiled.
        """
        listed = list(rules)
        memory = _MEMORY // max(1, sum(max(1, len(rule.matchers)) for rule in listed))
        self._rules = tuple(_CompiledRule(rule, compile_pattern, memory) for rule in listed)

    def __len__(self) -> int:
        """Return the number of rules."""
        return len(self._rules)

    @property
    def needs_frames(self) -> bool:
        """Return whether frames decide which rules an error meets; otherwise ``look`` needs none to say."""
        return any(rule.needs_frames for rule in self._rules)

    def look(self, event: ErrorEvent) -> Ruled | None:
        """Return what the rules make of an error, or None when it meets none of them."""
        texts = _Texts(event)
        ruled: Ruled | None = None
        for rule in self._rules:
            if ruled is not None and ruled.parts is not None and isinstance(rule.action, SetParts):
                continue
            captures = rule.match(texts)
            if captures is None:
                continue
            changed = rule.change(ruled.event if ruled else event)
            if changed is None:
                continue
            before = ruled if ruled is not None else Ruled(event=event)
            numbers = (*before.rules, rule.id)
            if isinstance(rule.action, SetParts):
                parts = rule.action.parts
                ruled = Ruled(event=changed, parts=parts, captures=captures, rules=numbers)
            else:
                ruled = replace(before, event=changed, rules=numbers)
        return ruled


class _CompiledRule:
    __slots__ = ("_foreign", "_mask", "_masked", "_matchers", "_memory", "_name", "_paths", "action", "id")

    def __init__(self, rule: GroupingRule, compile_pattern: CompileLinear, memory: int) -> None:
        self.id = rule.id
        self.action = rule.action
        self._matchers = tuple(_CompiledMatcher(item, compile_pattern, memory) for item in rule.matchers)
        self._foreign: dict[tuple[str, ...], bool] = {}
        self._masked: dict[str, str | None] = {}
        self._memory = memory
        action = rule.action
        self._mask = compile_pattern(action.pattern) if isinstance(action, MaskMessage) else None
        self._name = f"<{action.name}>" if isinstance(action, MaskMessage) else ""
        self._paths = (
            compile_pattern(glob_expression(action.glob)) if isinstance(action, IgnoreFrames) else None
        )

    @property
    def needs_frames(self) -> bool:
        """Return whether frames decide if an error meets the rule."""
        return self._paths is not None or any(matcher.needs_frames for matcher in self._matchers)

    def match(self, texts: _Texts) -> tuple[str, ...] | None:
        """Return the captures of all matchers, or None when one does not match."""
        captures: tuple[str, ...] = ()
        for matcher in self._matchers:
            found = matcher.match(texts)
            if found is None:
                return None
            captures += found
        return captures

    def change(self, event: ErrorEvent) -> ErrorEvent | None:
        """Return the error as the action wants it, or None when it has nothing to do there."""
        if self._mask is not None:
            return self._with_mask(event)
        if self._paths is not None:
            return _without_foreign(event, self._is_foreign)
        return event

    def _with_mask(self, event: ErrorEvent) -> ErrorEvent | None:
        """Return the error with one more mask in the texts that grouping reads; None when nothing matches."""
        changes: dict[str, object] = {}
        for field, text in (("message", event.message), ("template", event.template)):
            if (masked := self._substituted(text)) is not None:
                changes[field] = masked
        values = [self._substituted(exception.value) for exception in event.exceptions]
        if values.count(None) < len(values):
            changes["exceptions"] = tuple(
                exception if value is None else evolve(exception, {"value": value})
                for exception, value in zip(event.exceptions, values, strict=True)
            )
        return evolve(event, changes) if changes else None

    def _substituted(self, text: str) -> str | None:
        """Return the masked text, or None when the mask changes nothing."""
        if not text or self._mask is None:
            return None
        if text in self._masked:
            return self._masked[text]
        masked = _substituted(text, self._mask, self._name)
        if len(text) <= _MEMORY_CHARS:
            if len(self._masked) >= self._memory:
                self._masked.clear()
            self._masked[text] = masked
        return masked

    def _is_foreign(self, frame: Frame) -> bool:
        if not frame.in_app or self._paths is None:
            return False
        key = (frame.module, frame.function, frame.filename, frame.abs_path)
        known = self._foreign.get(key)
        if known is None:
            texts = (*_paths_of(frame), *_place_of(frame))
            known = any(self._paths.search(encodable(text)) is not None for text in texts)
            if len(self._foreign) >= _FRAMES:
                self._foreign.clear()
            self._foreign[key] = known
        return known


class _CompiledMatcher:
    __slots__ = ("_field", "_has_groups", "_known", "_memory", "_pattern")

    def __init__(self, matcher: Matcher, compile_pattern: CompileLinear, memory: int) -> None:
        text = glob_expression(matcher.pattern) if matcher.is_glob else matcher.pattern
        self._pattern = compile_pattern(text)
        self._has_groups = self._pattern.groups > 0
        self._field = matcher.field
        self._memory = memory
        self._known: dict[str, tuple[str, ...] | None] = {}

    @property
    def needs_frames(self) -> bool:
        return self._field in _OF_FRAME

    def match(self, texts: _Texts) -> tuple[str, ...] | None:
        known = self._known
        for text in texts.of(self._field):
            found = known[text] if text in known else self._search(text)
            if found is not None:
                return found
        return None

    def _search(self, text: str) -> tuple[str, ...] | None:
        match = self._pattern.search(encodable(text))
        found = None
        if match is not None:
            found = tuple(group or "" for group in match.groups()) if self._has_groups else ()
        if len(text) <= _MEMORY_CHARS:
            if len(self._known) >= self._memory:
                self._known.clear()
            self._known[text] = found
        return found


class _Texts:
    """The texts of an error by field, each taken out once and only when asked for."""

    __slots__ = ("_event", "_known")

    def __init__(self, event: ErrorEvent) -> None:
        self._event = event
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, field: str) -> tuple[str, ...]:
        known = self._known.get(field)
        if known is None:
            known = self._known[field] = tuple(dict.fromkeys(_texts(self._event, field)))
        return known


def _texts(event: ErrorEvent, field: str) -> Iterable[str]:
    if field in _OF_FRAME:
        return _stack_texts(event, _OF_FRAME[field], is_own=field in IN_APP_FIELDS)
    match field:
        case "type":
            return (mask_sensitive(exception.type) for exception in reversed(event.exceptions))
        case "message":
            values = (exception.value for exception in reversed(event.exceptions))
            return (mask_sensitive(text)[:LOOK_CHARS] for text in (event.message, *values))
        case "logger":
            return (mask_sensitive(event.logger),)
        case "release":
            return (event.release,)
        case "environment":
            return (event.environment,)
        case "severity":
            return (event.severity.value,)
        case _:
            return tag_texts(event, field.removeprefix(TAG_PREFIX))


def tag_texts(event: ErrorEvent, name: str) -> Iterator[str]:
    """Yield the masked values of a tag; one whose name promises a secret has none."""
    if is_sensitive_key(name):
        return
    for key, value in event.tags:
        if key == name or mask_sensitive(key) == name:
            yield mask_sensitive(value)[:LOOK_CHARS]


def _stack_texts(
    event: ErrorEvent, texts_of: Callable[[Frame], tuple[str, ...]], *, is_own: bool
) -> Iterator[str]:
    """Yield the texts of all frames, or of those of the application."""
    for frames in (*[exception.frames for exception in event.exceptions], event.frames):
        for frame in frames:
            if frame.in_app or not is_own:
                yield from texts_of(frame)


def _paths_of(frame: Frame) -> tuple[str, ...]:
    filename, abs_path = frame.filename, frame.abs_path
    return (_path(filename),) if abs_path in {"", filename} else (_path(filename), _path(abs_path))


def _function_of(frame: Frame) -> tuple[str, ...]:
    return (mask_sensitive(frame.function),)


def _module_of(frame: Frame) -> tuple[str, ...]:
    return (mask_sensitive(frame.module),)


def _place_of(frame: Frame) -> tuple[str, ...]:
    return (_place(frame.module, frame.filename or frame.abs_path, frame.function),)


_FRAME_TEXTS: Final = (_paths_of, _function_of, _module_of, _place_of)
_OF_FRAME: Final = dict(zip((*FRAME_FIELDS, *IN_APP_FIELDS), _FRAME_TEXTS * 2, strict=True))


@lru_cache(maxsize=8_192)
def _path(path: str) -> str:
    return mask_sensitive(path).replace("\\", "/")


@lru_cache(maxsize=8_192)
def _place(module: str, filename: str, function: str) -> str:
    masked = (mask_sensitive(module), mask_sensitive(filename), mask_sensitive(function))
    return place_name(Frame(module=masked[0], filename=masked[1], function=masked[2]))


def _substituted(text: str, pattern: LinearPattern, name: str) -> str | None:
    looked_at = encodable(mask_sensitive(text)[:LOOK_CHARS])
    if pattern.search(looked_at) is None:  # a fifth of the time of a substitution that finds nothing
        return None
    masked = pattern.sub(lambda _: name, looked_at)
    return None if masked == looked_at else masked


def _without_foreign(event: ErrorEvent, is_foreign: Callable[[Frame], bool]) -> ErrorEvent | None:
    """Return the error with matching frames not of the application, or None when there are none."""
    changes: dict[str, object] = {}
    frames = _judged(event.frames, is_foreign)
    if frames is not event.frames:
        changes["frames"] = frames
    exceptions = []
    for exception in event.exceptions:
        frames = _judged(exception.frames, is_foreign)
        is_same = frames is exception.frames
        exceptions.append(exception if is_same else evolve(exception, {"frames": frames}))
    if any(new is not old for new, old in zip(exceptions, event.exceptions, strict=True)):
        changes["exceptions"] = tuple(exceptions)
    return evolve(event, changes) if changes else None


def _judged(frames: tuple[Frame, ...], is_foreign: Callable[[Frame], bool]) -> tuple[Frame, ...]:
    if not any(map(is_foreign, frames)):
        return frames
    return tuple(evolve(frame, {"in_app": False}) if is_foreign(frame) else frame for frame in frames)


def encodable(text: str) -> str:
    """Return the text as RE2 takes it: without halves of surrogate pairs."""
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")
