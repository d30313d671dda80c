"""Masks personal data and secrets in a whole error (seed box: Security Manager, PII).

Texts go through the detectors of core; values under sensitive names (``password``, ``Authorization``,
cookies) go whole. Unchanged parts are kept as they are, so that an error without anything to mask costs a
walk and no copies.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from error_manager.core.detection import EMAIL, IP, SECRET
from error_manager.core.limits import MAX_NOTES
from error_manager.core.masking import SHORTEST_CHARS, CompilePattern, Finding, TextMasker, compile_standard
from error_manager.core.quick import evolve
from error_manager.core.sensitive_key import is_sensitive_key
from error_manager.core.types import (
    Breadcrumb,
    ErrorEvent,
    ExceptionInfo,
    FieldNote,
    Frame,
    Request,
    User,
)

_EVENT_TEXTS: Final = (
    "message",
    "stack_trace",
    "module",
    "error_code",
    "manager_context",
    "logger",
    "transaction",
    "server_name",
    "service",
    "template",
)
_FRAME_NAMES: Final = ("function", "module", "filename", "abs_path", "package")
_LONG_INTEGER: Final = 10**11
"""Integers from twelve digits on may be card numbers."""
_KNOWN_KEYS: Final = 8_192
_COOKIE: Final = re.compile(r"([^=;\s]+)=([^;]*)", re.ASCII)
_SCHEME: Final = re.compile(r"(?i)(?:bearer|basic|digest|token|apikey) ", re.ASCII)
_PLAIN_COOKIE: Final = re.compile(r"[A-Za-z_-]{0,10}|[0-9.]{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """A masked error, whom it was about, and how much of each class was masked.

    ``subjects``: the raw e-mail and network addresses that were masked, lower-cased, each once, in order.
    ``classes``: count by class (``email``, ``ip``, ``card``, ``key_name``, ...).
    """

    event: ErrorEvent
    subjects: tuple[str, ...] = ()
    classes: Mapping[str, int] = field(default_factory=dict)


class _Walk:
    """What one error's walk finds on its way."""

    __slots__ = ("findings", "notes", "seen")

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.notes: list[FieldNote] = []
        self.seen: dict[str, tuple[object, object]] = {}


class Masker:
    """Masks errors and texts with one engine; remembers texts that need no mask, so keep one for long.

    Args:
        compile_pattern: RE2's ``compile`` in the server (linear time); the client takes the standard library.
    """

    def __init__(self, compile_pattern: CompilePattern = compile_standard) -> None:
        self._masker = TextMasker(compile_pattern)
        self._plain_keys: set[str] = set()

    def mask_text(self, text: str) -> str:
        """Return the text with masks for personal data and secrets; masking that again changes nothing."""
        return self._masker.mask(text)

    def mask_event(self, event: ErrorEvent) -> Masked:
        """Return the error with masks everywhere, with a note per masked field."""
        walk = _Walk()
        changes: dict[str, object] = {}
        for name in _EVENT_TEXTS:
            value = getattr(event, name)
            if value and (masked := self._text(value, name, walk)) is not value:
                changes[name] = masked
        self._note(changes, "exceptions", event.exceptions, self._exceptions(event.exceptions, walk))
        self._note(changes, "frames", event.frames, self._frames(event.frames, "frames", walk))
        self._note(changes, "breadcrumbs", event.breadcrumbs, self._breadcrumbs(event.breadcrumbs, walk))
        self._note(changes, "tags", event.tags, self._tags(event.tags, walk))
        self._note(
            changes, "fingerprint", event.fingerprint, self._texts(event.fingerprint, "fingerprint", walk)
        )
        for name in ("contexts", "extra"):
            value = getattr(event, name)
            self._note(changes, name, value, self._mapping(value, name, walk))
        if event.user is not None:
            self._note(changes, "user", event.user, self._user(event.user, walk))
        if event.request is not None:
            self._note(changes, "request", event.request, self._request(event.request, walk))
        if not changes:
            return Masked(event=event)
        known = {(note.path, note.reason) for note in event.notes}
        fresh = [note for note in walk.notes if (note.path, note.reason) not in known]
        changes["notes"] = (*event.notes, *fresh)[:MAX_NOTES]
        return Masked(
            event=evolve(event, changes),
            subjects=_subjects(walk.findings),
            classes=Counter(finding.name for finding in walk.findings),
        )

    @staticmethod
    def _note(changes: dict[str, object], name: str, old: object, new: object) -> None:
        if new is not old:
            changes[name] = new

    # --- is there anything to do? -----------------------------------------------------------------

    def _is_clean(self, values: Mapping[str, object]) -> bool:
        """Return whether all names and texts inside are known to need no mask: most locals of most frames."""
        return self._plain_keys.issuperset(values) and self._are_clean(values.values())

    def _are_clean(self, values: Iterable[object]) -> bool:
        """Return whether no value needs a mask, as far as is known; one loop: locals have hundreds."""
        clean = self._masker.clean
        for value in values:
            kind = type(value)
            if kind is str:
                if value not in clean and len(value) >= SHORTEST_CHARS:  # type: ignore[arg-type]  # a str
                    return False
            elif kind is list:
                if not self._are_clean(value):  # type: ignore[arg-type]  # a list
                    return False
            elif kind is int:
                if value >= _LONG_INTEGER:  # type: ignore[operator]  # an int
                    return False
            elif (
                kind is not float and kind is not bool and value is not None and not self._is_odd_clean(value)
            ):
                return False
        return True

    def _is_odd_clean(self, value: object) -> bool:
        """Return the same for an object, and for what only our own client brings: tuples, other mappings."""
        if isinstance(value, Mapping):
            return self._is_clean(value)
        return self._are_clean(value) if isinstance(value, tuple) else False

    # --- values -----------------------------------------------------------------------------------

    def _text(self, text: str, path: str, walk: _Walk, *, is_code: bool = False) -> str:
        start = len(walk.findings)
        masked = self._masker.mask(text, walk.findings, is_code=is_code)
        if masked is text or masked == text:
            return text
        reasons = sorted({finding.mask.strip("[]") for finding in walk.findings[start:]})
        walk.notes.append(FieldNote(path=path, reason=f"masked: {', '.join(reasons)}" if reasons else "cut"))
        return masked

    def _secret(self, path: str, walk: _Walk) -> str:
        walk.findings.append(Finding(name="key_name", mask=SECRET, raw=""))
        walk.notes.append(FieldNote(path=path, reason="masked: secret"))
        return SECRET

    def _value(self, value: object, path: str, walk: _Walk) -> object:
        if isinstance(value, str):
            return self._text(value, path, walk)
        if isinstance(value, Mapping):
            return self._mapping(value, path, walk)
        if isinstance(value, (list, tuple)):
            return self._sequence(value, path, walk)
        if isinstance(value, int) and value >= _LONG_INTEGER:
            masked = self._text(str(value), path, walk)
            return value if masked == str(value) else masked
        return value

    def _mapping(self, values: Mapping[str, object], path: str, walk: _Walk) -> Mapping[str, object]:
        plain, clean = self._plain_keys, self._masker.clean
        changed: dict[str, object] = {}
        renamed: dict[str, str] = {}
        for key, value in values.items():
            if key in plain:
                kind = type(value)
                if kind is str:
                    if value in clean:
                        continue
                    masked: object = self._text(value, f"{path}.{key}", walk)  # type: ignore[arg-type]  # a str
                elif kind is dict:
                    masked = self._handed_on(key, value, path, walk)  # type: ignore[arg-type]  # a dict
                elif self._are_clean((value,)):
                    continue
                else:
                    masked = self._value(value, f"{path}.{key}", walk)
            else:
                masked = self._first_seen(key, value, path, walk, renamed)
            if masked is not value:
                changed[key] = masked
        if renamed:
            return {renamed.get(key, key): changed.get(key, value) for key, value in values.items()}
        return {**values, **changed} if changed else values

    def _first_seen(self, key: str, value: object, path: str, walk: _Walk, renamed: dict[str, str]) -> object:
        """Mask a name that is not known to be plain, and what stands under it."""
        if (name := self._masker.mask(key, walk.findings)) is not key and name != key:
            renamed[key] = name
        elif not is_sensitive_key(key):
            self._remember_key(key)
        return self._entry(key, value, f"{path}.{name}", walk)

    def _handed_on(self, key: str, value: dict[str, object], path: str, walk: _Walk) -> object:
        """Mask a nested object, once for all frames that hand it on under the same (plain) name."""
        known = walk.seen.get(key)
        if known is not None and known[0] == value:
            return value if known[1] is known[0] else known[1]
        masked = value if self._is_clean(value) else self._mapping(value, f"{path}.{key}", walk)
        walk.seen[key] = value, masked
        return masked

    def _remember_key(self, key: str) -> None:
        if len(self._plain_keys) >= _KNOWN_KEYS:
            self._plain_keys.clear()
        self._plain_keys.add(key)

    def _entry(self, key: str, value: object, path: str, walk: _Walk) -> object:
        if value is None or isinstance(value, bool) or value in ("", SECRET) or not is_sensitive_key(key):
            return self._value(value, path, walk)
        if isinstance(value, Mapping):
            secret = {name: self._hidden(entry, f"{path}.{name}", walk) for name, entry in value.items()}
            return value if secret == value else secret
        if isinstance(value, str) and "cookie" in key.lower():
            return self._cookies(value, path, walk)
        if isinstance(value, str) and (scheme := _SCHEME.match(value)):
            is_done = value[scheme.end() :] == SECRET
            return value if is_done else f"{scheme.group()}{self._secret(path, walk)}"
        return self._hidden(value, path, walk)

    def _hidden(self, value: object, path: str, walk: _Walk) -> object:
        is_empty = value is None or isinstance(value, bool) or value in ("", SECRET, [], {})
        return value if is_empty else self._secret(path, walk)

    def _cookies(self, text: str, path: str, walk: _Walk) -> str:
        """Mask the values of a cookie header; names and short plain words (``theme=dark``) stay."""
        if "=" not in text:
            return self._secret(path, walk)
        pieces: list[str] = []
        place = 0
        for match in _COOKIE.finditer(text):
            name, value = match.group(1), match.group(2)
            if value in {"", SECRET} or (_PLAIN_COOKIE.fullmatch(value) and not is_sensitive_key(name)):
                continue
            pieces += (text[place : match.start(2)], self._secret(path, walk))
            place = match.end(2)
        return self._masker.mask("".join((*pieces, text[place:])), walk.findings) if pieces else text

    def _sequence(self, values: list[object] | tuple[object, ...], path: str, walk: _Walk) -> object:
        masked = [self._value(value, f"{path}.{place}", walk) for place, value in enumerate(values)]
        if all(new is old for new, old in zip(masked, values, strict=True)):
            return values
        return masked if isinstance(values, list) else tuple(masked)

    def _texts(
        self, values: tuple[str, ...], path: str, walk: _Walk, *, is_code: bool = False
    ) -> tuple[str, ...]:
        masked = tuple(self._text(value, path, walk, is_code=is_code) for value in values)
        return values if masked == values else masked

    # --- parts of an error ------------------------------------------------------------------------

    def _exceptions(self, values: tuple[ExceptionInfo, ...], walk: _Walk) -> tuple[ExceptionInfo, ...]:
        masked = tuple(
            self._exception(value, f"exceptions.{place}", walk) for place, value in enumerate(values)
        )
        return values if all(new is old for new, old in zip(masked, values, strict=True)) else masked

    def _exception(self, value: ExceptionInfo, path: str, walk: _Walk) -> ExceptionInfo:
        text = self._text(value.value, f"{path}.value", walk)
        name = self._text(value.type, f"{path}.type", walk)
        module = self._text(value.module, f"{path}.module", walk)
        frames = self._frames(value.frames, f"{path}.frames", walk)
        if text is value.value and name is value.type and module is value.module and frames is value.frames:
            return value
        return evolve(value, {"value": text, "type": name, "module": module, "frames": frames})

    def _frames(self, values: tuple[Frame, ...], path: str, walk: _Walk) -> tuple[Frame, ...]:
        masked = tuple(self._frame(value, f"{path}.{place}", walk) for place, value in enumerate(values))
        return values if all(new is old for new, old in zip(masked, values, strict=True)) else masked

    def _frame(self, value: Frame, path: str, walk: _Walk) -> Frame:
        changes: dict[str, object] = {}
        names = (value.function, value.module, value.filename, value.abs_path, value.package)
        if not self._masker.clean.issuperset(names):
            for name, text in zip(_FRAME_NAMES, names, strict=True):
                self._note(changes, name, text, self._text(text, f"{path}.{name}", walk))
        lines = (value.context_line, *value.pre_context, *value.post_context)
        if not self._masker.clean_code.issuperset(lines):
            self._source(value, path, walk, changes)
        variables = value.variables
        if variables:
            masked = self._mapping(variables, f"{path}.variables", walk)
            self._note(changes, "variables", variables, masked)
        return evolve(value, changes) if changes else value

    def _source(self, value: Frame, path: str, walk: _Walk, changes: dict[str, object]) -> None:
        """Mask the source lines of a frame."""
        line = value.context_line
        masked = self._text(line, f"{path}.context_line", walk, is_code=True)
        self._note(changes, "context_line", line, masked)
        for name in ("pre_context", "post_context"):
            lines = getattr(value, name)
            self._note(changes, name, lines, self._texts(lines, f"{path}.{name}", walk, is_code=True))

    def _breadcrumbs(self, values: tuple[Breadcrumb, ...], walk: _Walk) -> tuple[Breadcrumb, ...]:
        masked = tuple(
            self._breadcrumb(value, f"breadcrumbs.{place}", walk) for place, value in enumerate(values)
        )
        return values if all(new is old for new, old in zip(masked, values, strict=True)) else masked

    def _breadcrumb(self, value: Breadcrumb, path: str, walk: _Walk) -> Breadcrumb:
        if self._masker.clean.issuperset((value.message, value.category)) and self._is_clean(value.data):
            return value
        message = self._text(value.message, f"{path}.message", walk)
        category = self._text(value.category, f"{path}.category", walk)
        data = self._mapping(value.data, f"{path}.data", walk)
        if message is value.message and category is value.category and data is value.data:
            return value
        return evolve(value, {"message": message, "category": category, "data": data})

    def _tags(self, values: tuple[tuple[str, str], ...], walk: _Walk) -> tuple[tuple[str, str], ...]:
        masked = tuple(
            (self._masker.mask(key, walk.findings), str(self._entry(key, value, f"tags.{key}", walk)))
            for key, value in values
        )
        return values if masked == values else masked

    def _user(self, value: User, walk: _Walk) -> User:
        changes: dict[str, object] = {}
        for name, mask in (("email", EMAIL), ("ip_address", IP)):
            text = getattr(value, name)
            if text and text != mask:
                walk.findings.append(Finding(name=mask.strip("[]"), mask=mask, raw=text))
                walk.notes.append(FieldNote(path=f"user.{name}", reason=f"masked: {mask.strip('[]')}"))
                changes[name] = mask
        for name in ("id", "username"):
            text = getattr(value, name)
            self._note(changes, name, text, self._text(text, f"user.{name}", walk))
        self._note(changes, "data", value.data, self._mapping(value.data, "user.data", walk))
        return evolve(value, changes) if changes else value

    def _request(self, value: Request, walk: _Walk) -> Request:
        changes: dict[str, object] = {}
        for name in ("url", "query_string", "method"):
            text = getattr(value, name)
            self._note(changes, name, text, self._text(text, f"request.{name}", walk))
        self._note(changes, "headers", value.headers, self._mapping(value.headers, "request.headers", walk))
        self._note(changes, "env", value.env, self._mapping(value.env, "request.env", walk))
        self._note(changes, "data", value.data, self._value(value.data, "request.data", walk))
        cookies = {
            key: self._hidden(entry, f"request.cookies.{key}", walk) for key, entry in value.cookies.items()
        }
        if cookies != dict(value.cookies):
            changes["cookies"] = cookies
        return evolve(value, changes) if changes else value


def _subjects(findings: list[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(finding.raw.lower() for finding in findings if finding.mask in {EMAIL, IP}))
