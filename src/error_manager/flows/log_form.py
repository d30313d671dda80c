"""What is known of lines that differ in digits alone: places, message, number (seed box: Pattern Matcher)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from error_manager.decoding.log_clock import cut_at_minute
from error_manager.decoding.log_line import CARRIERS, LogLine, severity_of_digits, split_line
from error_manager.decoding.log_trace import is_head, is_piece, is_start
from error_manager.decoding.log_wrapper import Wrapped, unwrap
from error_manager.flows.log_error import TraceGroup, group_trace

ZERO_TEXT: Final = dict.fromkeys(range(49, 58), "0")
_HEX: Final = re.compile(  # a set of characters first, not a boundary: a fifth less time
    r"[0-9a-fA-F](?<!\w.)(?:[0-9a-fA-F]{7}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|(?<=[0-9a-f])(?:(?<=[0-9])|(?=[a-f]{0,40}[0-9]))[0-9a-f]{7,})\b"
)
_ANY_HEX: Final = "0" * 12
_MIXED: Final = re.compile(r"[A-Za-z][0-9]|[0-9][A-Za-z]")
"""Digits in a word may be a name (IRQ0, 10ms): only free numbers and hexadecimal ids are surely values."""
_LONG_NUMBER: Final = re.compile(r"(?<!0)0{3,7}(?!0)")
_MAX_FORM_CHARS: Final = 16_000_000
"""Characters of line forms that are remembered; with what is known of them about twice as many bytes."""
_MAX_MESSAGE_CHARS: Final = 16_000_000
_MAX_LINE_CHARS: Final = 16_384
_MAX_KEY_CHARS: Final = 4_000
_STATUS_CLASSES: Final = {
    "1": "informational", "2": "success", "3": "redirect", "4": "client error", "5": "server error",
}  # fmt: skip
PIECE, BARE, HEADED = range(3)
"""Kinds of lines: of a trace, without a header, with one."""


@dataclass(slots=True, eq=False)
class Form:
    """What is known of all lines of one form. Places are in the line; ``minute_end`` 0: it has no time.

    ``is_exact``: the digits of the message may be names; the form holds for lines with the same digits only.
    """

    kind: int
    number: int = 0
    rank: int = -1
    time_at: int = 0
    minute_end: int = 0
    tail_at: int = 0
    time_end: int = 0
    stream: str = ""
    content_at: int = 0
    digits: tuple[int, int] | None = None
    digits_text: str = ""
    format: str = ""
    request: str = ""
    is_carried: bool = False
    is_exact: bool = False
    by_digits: dict[str, Form] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPattern:
    """A number that counts refer to from now on: a message, or the group of a trace."""

    number: int
    message: str = ""
    where: str = ""
    group: TraceGroup | None = None


class FormBook:
    """Remembers the forms of lines, and gives messages and groups of traces their numbers."""

    def __init__(self) -> None:
        """Start without knowledge; numbers begin with 1."""
        self.forms: dict[str, Form] = {}
        self._forget()

    def _forget_forms(self) -> None:
        self.forms.clear()
        self._squeezed: dict[str, tuple[Form, str]] = {}
        self._form_chars = 0

    def _forget(self) -> None:
        """Forget everything: numbers begin anew."""
        self._forget_forms()
        self._messages: dict[str, int] = {}
        self._groups: dict[str, int] = {}
        self._new: list[NewPattern] = []
        self._message_chars = 0
        self._next = 1
        self._is_reset = True

    def trim(self) -> bool:
        """Forget what there is no room for; return whether all numbers given before are void."""
        if self._message_chars > _MAX_MESSAGE_CHARS:
            self._forget()
        elif self._form_chars > _MAX_FORM_CHARS:
            self._forget_forms()
        is_reset, self._is_reset = self._is_reset, False
        return is_reset

    def take_new(self) -> list[NewPattern]:
        """Return the numbers given since the last call."""
        new, self._new = self._new, []
        return new

    def count_chars(self, size: int) -> None:
        """Count what is remembered elsewhere together with the messages."""
        self._message_chars += size

    def with_digits(self, form: Form, digits: str) -> Form:
        """Return the form of the same lines with other digits where these decide the severity."""
        known = form.by_digits.get(digits)
        if known is None:
            severity = severity_of_digits(digits, form.format)
            number = form.number
            if form.format == "access":
                number, _ = self._number_of_request(form.request, digits)
            known = Form(
                kind=form.kind,
                number=number,
                rank=severity.rank if severity is not None else -1,
                time_at=form.time_at,
                minute_end=form.minute_end,
                tail_at=form.tail_at,
                time_end=form.time_end,
                stream=form.stream,
                content_at=form.content_at,
                is_carried=form.is_carried,
            )
            form.by_digits[digits] = known
        return known

    def learn(self, line: str, form_text: str) -> Form:
        """Return the form of a line that has not been seen like this.

        Args:
            line: as written.
            form_text: the line with all digits as zeros.
        """
        squeezed = _LONG_NUMBER.sub("000", _HEX.sub(_ANY_HEX, form_text[:_MAX_LINE_CHARS]))
        known = self._squeezed.get(squeezed)
        if known is not None and form_text.startswith(known[1]):
            form = known[0]
        else:
            form = self._split(line[:_MAX_LINE_CHARS])
            if form.is_exact:
                return form
            end = max(form.time_end, form.content_at, form.digits[1] if form.digits else 0)
            self._squeezed[squeezed] = form, form_text[:end]
            self._form_chars += len(squeezed)
        if len(form_text) <= _MAX_LINE_CHARS:
            self.forms[form_text] = form
            self._form_chars += len(form_text)
        return form

    def _split(self, line: str) -> Form:
        """Return what is to be known of lines like this: wrapper, header, message."""
        wrapped = unwrap(line)
        parts = split_line(wrapped.content)
        text, lead = wrapped.content, 0
        if parts.format in CARRIERS:
            lead = _message_at(wrapped.content, parts.message)
            text = text[lead:]
        form = Form(
            kind=HEADED if parts.format else BARE,
            rank=parts.severity.rank if parts.severity is not None else -1,
            stream=parts.source if parts.format in CARRIERS else wrapped.stream,
            content_at=wrapped.content_at + lead if wrapped.content_at >= 0 else -1,
            format=parts.format,
            is_carried=wrapped.content_at != 0 or parts.format in CARRIERS,
        )
        _set_places(form, wrapped, parts, line)
        if (not parts.format or parts.format in CARRIERS) and (is_piece(text) or is_start(text)):
            form.kind = PIECE
        elif parts.trace and (group := group_trace(parts.trace, parts.message)) is not None:
            form.number = self.number_of_group(group)
        elif parts.format == "access":
            form.request = parts.message[: parts.message.rfind(" ")]
            form.number, form.is_exact = self._number_of_request(form.request, form.digits_text)
        else:
            key, form.is_exact = message_key(parts.message)
            form.number = self._number(key, parts.message, parts.source)
            if parts.format in CARRIERS or (parts.format == "level" and is_head(text)):
                form.kind = BARE  # may go on with a trace all the same
        return form

    def _number_of_request(self, request: str, status: str) -> tuple[int, bool]:
        """Return the number of a request of an access log; what failed is a pattern of its own."""
        named = _STATUS_CLASSES.get(status[:1], "unknown status")
        key, is_exact = message_key(request)
        return self._number(f"{key} {named}", f"{request} {named}", ""), is_exact

    def number_of_message(self, message: str) -> int:
        """Return the number of messages like this."""
        return self._number(message_key(message)[0], message, "")

    def _number(self, key: str, message: str, source: str) -> int:
        number = self._messages.get(key)
        if number is None:
            number = self._next
            self._next += 1
            self._messages[key] = number
            self._message_chars += len(key) + 100
            self._new.append(NewPattern(number=number, message=message, where=source))
        return number

    def number_of_group(self, group: TraceGroup) -> int:
        """Return the number of a group of traces."""
        number = self._groups.get(group.id)
        if number is None:
            number = self._next
            self._next += 1
            self._groups[group.id] = number
            self._new.append(NewPattern(number=number, where=group.where, group=group))
        return number


def message_key(message: str) -> tuple[str, bool]:
    """Return what messages have in common that differ in free numbers and hexadecimal ids alone.

    Also returns whether other digits are left in it, which may be names.
    """
    text = _HEX.sub(_ANY_HEX, message[:_MAX_KEY_CHARS])
    if _MIXED.search(text) is None:
        return _LONG_NUMBER.sub("000", text.translate(ZERO_TEXT)), False
    words = (word if _MIXED.search(word) else word.translate(ZERO_TEXT) for word in text.split(" "))
    return _LONG_NUMBER.sub("000", " ".join(words)), True


def _message_at(content: str, message: str) -> int:
    """Return where the message of a carried line begins, with the indentation that splitting took off."""
    place = content.rfind(message)
    while place > 1 and content[place - 1] in " \t" and content[place - 2] in " \t":
        place -= 1
    return place


def _set_places(form: Form, wrapped: Wrapped, parts: LogLine, line: str) -> None:
    """Set where time and deciding digits are; text that a runtime escaped has no place in the line."""
    time, start = wrapped.time, wrapped.time_at
    if parts.time and parts.time_at >= 0 and wrapped.content_at >= 0:
        time, start = parts.time, parts.time_at + wrapped.content_at
    if time and start >= 0:
        minute, tail = cut_at_minute(time)
        form.time_at = start
        form.minute_end = start + minute
        form.tail_at = start + tail
        form.time_end = start + len(time)
    if parts.digits is not None and wrapped.content_at >= 0:
        form.digits = (parts.digits[0] + wrapped.content_at, parts.digits[1] + wrapped.content_at)
        form.digits_text = line[form.digits[0] : form.digits[1]]
