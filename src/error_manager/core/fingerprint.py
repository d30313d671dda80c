"""Which errors are one pattern, and why (seed box: Pattern Matcher; design D6). Version 1 is frozen.

A pure function with typed masks only: type chain and the innermost place of the application that is no
plumbing, with the missing name or the message where these say too little; for bare messages the template or
the masked text, with its logger. Which mined template a bare message has is an argument (ADR 0011). Parts
are readable, because pages show them as the reason. The result is the same before and after masking.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Final

from error_manager.core.place import (
    collapse,
    is_minified,
    is_nameless,
    place_name,
    plain_function,
    plain_module,
)
from error_manager.core.plumbing import anchor
from error_manager.core.quick import maker
from error_manager.core.rule_form import PLACEHOLDER
from error_manager.core.rules import TAG_PREFIX, Ruled, RuleSet, tag_texts
from error_manager.core.stack import masked_frame, named_frames, stack_of, told_exceptions
from error_manager.core.text_mask import mask_line, mask_message, mask_sensitive
from error_manager.core.types import ErrorEvent, ExceptionInfo, Fingerprint, Frame

_fingerprint_of: Final = maker(Fingerprint)
VERSION: Final = 1
MESSAGE_PART: Final = "message: "
"""What the parts of a bare message begin with."""
LOGGER_PART: Final = "logger: "
TEMPLATE_PART: Final = "template: #"
"""What the parts of a mined template begin with, before its id."""
_DEFAULT: Final = re.compile(r"^\{\{\s*default\s*\}\}$")
_LIBRARY_FRAMES: Final = 3
"""Innermost frames that name a place when no frame belongs to the application."""
_TYPES: Final = 8
"""Types of a chain that count: the newest ones."""

_NAMING_TYPES: Final = frozenset(
    [
        "AttributeError",
        "NameError",
        "UnboundLocalError",
        "ImportError",
        "ModuleNotFoundError",
        "ReferenceError",
        "NoMethodError",
    ]
)
"""Types whose message quotes a name of the code, never data."""
_GENERAL_TYPES: Final = frozenset(
    [
        "Error",
        "Exception",
        "Throwable",
        "StandardError",
        "errorString",
        "*errors.errorString",
        "*errors.fundamental",
        "*errors.withStack",
        "*fmt.wrapError",
        "*fmt.wrapErrors",
    ]
)
"""Types that say nothing: only the message tells such errors apart."""
_JAVASCRIPT: Final = frozenset({"javascript", "node"})
_QUOTED_NAME: Final = re.compile(r"['\"`]([A-Za-z_$][\w$.]{0,80})['\"`]")

_LEADING_NAME: Final = re.compile(
    r"^([A-Za-z_$][\w$.]{0,80}) is not (?:defined|a function|a constructor|iterable)"
)


def fingerprint(
    event: ErrorEvent,
    rules: RuleSet | None = None,
    *,
    template_id: int | None = None,
    version: int = VERSION,
) -> Fingerprint:
    """Return version, readable parts and hash of the group an error belongs to.

    Args:
        event: the error, masked or not.
        rules: the rules of its project; None = it has none.
        template_id: the mined template that a bare message has (see ``is_bare``), None for its masked text;
            a rule that the error meets comes first.
        version: one of ``VERSIONS``.
    """
    ruled = rules.look(event) if rules is not None else None
    if template_id is not None and ruled is None and is_bare(event):
        return template_fingerprint(template_id, tuple(VERSIONS[version](event)), version=version)
    return ruled_fingerprint(event, ruled, version=version)


def template_fingerprint(template_id: int, parts: tuple[str, ...], *, version: int = VERSION) -> Fingerprint:
    """Return the fingerprint of a mined template, given the parts that a bare message of it has by its text.

    No masked text is the id of a template: masks take its digits.
    """
    return _hashed((f"{TEMPLATE_PART}{template_id}", *parts[1:]), version)


def template_parts(text: str, parts: Sequence[str]) -> tuple[str, ...]:
    """Return the parts of a bare message for people: with the text of its template, if that is not ""."""
    return (f"template: {text}", *parts[1:]) if text else tuple(parts)


def is_bare(event: ErrorEvent) -> bool:
    """Return whether an error is no more than a message: only these have mined templates (design D6)."""
    return not (event.fingerprint or event.exceptions or event.frames or event.template or not event.message)


def ruled_fingerprint(event: ErrorEvent, ruled: Ruled | None, *, version: int = VERSION) -> Fingerprint:
    """Return the same for an error whose rules were looked up; None = it meets none."""
    if ruled is not None:
        return _hashed(_ruled_parts(ruled, version), version, rules=ruled.rules)
    default = VERSIONS[version]
    return _hashed(_parts(event, default) if event.fingerprint else default(event), version)


def _hashed(parts: Sequence[str], version: int, *, rules: tuple[int, ...] = ()) -> Fingerprint:
    text = "\x1f".join((str(version), *parts))
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return _fingerprint_of(version=version, parts=tuple(parts), hash=digest, rules=rules)


def _ruled_parts(ruled: Ruled, version: int) -> list[str]:
    """Return the parts of an error that meets rules: those of its fingerprint rule, else the default ones."""
    if ruled.parts is None:
        return _parts(ruled.event, VERSIONS[version])
    parts: list[str] = []
    for part in ruled.parts:
        if _DEFAULT.match(part.strip()):
            parts += _parts(ruled.event, VERSIONS[version])
        else:
            filled = PLACEHOLDER.sub(lambda found: _filled(found[1], ruled, version), part)
            parts.append(f"rule: {filled}")
    return parts


def _parts(event: ErrorEvent, default: Callable[[ErrorEvent], list[str]]) -> list[str]:
    """Return the parts without a fingerprint rule: the client's, else the default ones."""
    if not event.fingerprint:
        return default(event)
    parts: list[str] = []
    for part in event.fingerprint:
        if _DEFAULT.match(part.strip()):
            parts += default(event)
        else:
            parts.append(f"client: {mask_sensitive(part)}")
    return parts


def _filled(name: str, ruled: Ruled, version: int) -> str:
    """Return what a placeholder stands for in an error."""
    event = ruled.event
    raised = _told(event)
    match name:
        case "default":
            return " | ".join(_parts(event, VERSIONS[version]))
        case "type":
            return _type_name(raised) if raised is not None else ""
        case "message":
            return mask_message((raised.value if raised is not None else "") or event.message)
        case "function" | "module":
            return _place_of(event, name)
        case "logger":
            return mask_sensitive(event.logger)
        case "release" | "environment" | "severity":
            return str(getattr(event, name))
    if name.startswith(TAG_PREFIX):
        return next(tag_texts(event, name.removeprefix(TAG_PREFIX)), "")
    return ruled.captures[int(name.rpartition(".")[2]) - 1]


def _told(event: ErrorEvent) -> ExceptionInfo | None:
    return told_exceptions(event.exceptions)[-1] if event.exceptions else None


def _place_of(event: ErrorEvent, name: str) -> str:
    """Return module or function of the frame that names the place, in its lasting form."""
    told = told_exceptions(event.exceptions)
    frames = tuple(map(masked_frame, stack_of(told, event)))
    if not frames:
        return ""
    own = collapse(frame for frame in frames if frame.in_app)
    raised = told[-1].type if told else ""
    named = named_frames(own)
    frame = named[anchor(named, raised, is_leaf_own=frames[-1].in_app)] if named else frames[-1]
    if name == "function":
        return plain_function(frame.function, frame.module)
    return plain_module(frame.module, frame.filename or frame.abs_path)


def _default_parts(event: ErrorEvent) -> list[str]:
    if event.exceptions:
        return _exception_parts(event)
    if event.frames and not event.template:
        return [*_place_parts(event.frames, ""), f"message: {mask_message(event.message)}"]
    return _message_parts(event)


def _message_parts(event: ErrorEvent) -> list[str]:
    if event.template:
        parts = [f"template: {mask_message(event.template, keeps_quoted=True)}"]
    else:
        parts = [f"{MESSAGE_PART}{mask_message(event.message or event.stack_trace)}"]
    if event.logger:
        parts.append(f"{LOGGER_PART}{mask_sensitive(event.logger)}")
    return parts


def _exception_parts(event: ErrorEvent) -> list[str]:
    told = told_exceptions(event.exceptions)
    raised = told[-1]
    types = list(dict.fromkeys(_type_name(exception) for exception in told))[-_TYPES:]
    parts = [f"type: {name}" for name in types]
    frames = stack_of(told, event)
    if not frames or raised.is_synthetic:
        return [*parts, f"message: {mask_message(raised.value)}", *_place_parts(frames, raised.type)]
    place = _place_parts(frames, raised.type)
    parts += place
    if any(part.startswith("bundle: ") for part in place):
        return [*parts, f"message: {mask_message(raised.value, keeps_quoted=True)}"]
    if raised.type in _NAMING_TYPES or (raised.type == "TypeError" and event.platform in _JAVASCRIPT):
        return [*parts, *_name_part(raised.value)]
    if raised.type in _GENERAL_TYPES and not any(part.startswith("line: ") for part in place):
        parts.append(f"message: {mask_message(raised.value)}")
    return parts


def _name_part(value: str) -> list[str]:
    """Return the last quoted (or the leading) name: the attribute, variable or module that is missing."""
    text = mask_sensitive(value)
    names = _QUOTED_NAME.findall(text) or _LEADING_NAME.findall(text)
    return [f"name: {names[-1]}"] if names else []


def _type_name(exception: ExceptionInfo) -> str:
    return mask_sensitive(exception.type) or mask_message(exception.value)


def _place_parts(frames: tuple[Frame, ...], raised: str) -> list[str]:
    """Return the place of a stack: the innermost application frame that is no plumbing, with its line.

    The source line is not asked where the function has a name: it is missing where the source cannot be read.
    With it 150 of 400 faults of hard traces were split; without it 6 of 400 are merged (2026-11).
    """
    frames = tuple(map(masked_frame, frames))
    own = collapse(frame for frame in frames if frame.in_app)
    if not own:
        return [f"frame: {place_name(frame)}" for frame in collapse(frames)[-_LIBRARY_FRAMES:]]
    if is_minified(own[-1]):
        return [f"bundle: {place_name(own[-1]).rpartition('.')[0]}"]
    named = named_frames(own)
    place = named[anchor(named, raised, is_leaf_own=frames[-1].in_app)]
    parts = [f"frame: {place_name(place)}"]
    if is_nameless(place) and (line := mask_line(place.context_line)):
        parts.append(f"line: {line}")
    return parts


VERSIONS: Final[dict[int, Callable[[ErrorEvent], list[str]]]] = {VERSION: _default_parts}
"""What each version takes for the parts of an error. A released one is never edited; a new one is added
and runs beside it until the known patterns have their groups of the new version (``FORMER``)."""
FORMER: Final[int | None] = None
"""The version errors are also looked up by, so that patterns it knows keep their identity; None = none."""
