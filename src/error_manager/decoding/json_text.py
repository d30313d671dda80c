"""JSON of strangers to plain values: fast when it is proper, patient when it is not (seed box: Validator).

What leaves this module can be stored and read back: no NUL, no lone surrogate, no NaN, bounded depth.
PostgreSQL refuses the first two in text and jsonb, its drivers fail on numbers and depths that it accepts.
"""

from __future__ import annotations

import json
import math
import re
from itertools import islice
from typing import Final

import msgspec

from error_manager.core.errors import MalformedPayloadError
from error_manager.core.limits import (
    MAX_DEPTH,
    MAX_INTEGER,
    MAX_LABEL_CHARS,
    MAX_MEMBERS,
    MAX_TEXT_CHARS,
    MAX_VALUE_DEPTH,
    MIN_INTEGER,
    TOO_DEEP,
    cut_middle,
    cut_text,
)

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT: Final = "\ufffd"
_MAX_INTEGER_CHARS: Final = 20
_MAX_NUMBER_CHARS: Final = 100
# Skips scalars, strings and containers of scalars in C, then takes a run of opening or closing brackets. It
# matches at every place, else each search for the next bracket would start over: quadratic time.
_SKIPPED: Final = rb'[^"\[\]{}]++|"(?:[^"\\]|\\.)*+"?|\[[^"\[\]{}]*+\]|\{[^"\[\]{}]*+\}'
_RUN: Final = re.compile(rb"(?:" + _SKIPPED + rb")*+([\[{]++|[\]}]++|\Z)", re.DOTALL)
_TOO_DEEP_JSON: Final = json.dumps(TOO_DEEP).encode()
_fast_decode = msgspec.json.Decoder().decode


def decode_json(body: bytes) -> object:
    """Return the value of a JSON text whose strings, numbers and depth are safe to store.

    Accepts more than the standard: invalid UTF-8 and lone surrogates (replaced), NaN and infinity (kept as
    text), integers of any size, a byte order mark, UTF-16, control characters in strings, and any depth
    (branches below ``MAX_DEPTH`` become ``TOO_DEEP`` at the latest here, else in ``bound``).

    Raises:
        MalformedPayloadError: it is not JSON even so.
    """
    try:
        value: object = _fast_decode(body)
    except RecursionError:
        return decode_json(cut_depth(body, MAX_DEPTH))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return clean(_decode_patiently(body))
    # Only this escape brings what must not be stored through the fast parser; it refuses lone surrogates.
    return clean(value) if b"\\u0000" in body else value


def _decode_patiently(body: bytes) -> object:
    text = body.decode(json.detect_encoding(body), "replace").removeprefix("\ufeff")
    # The standard parser recurses too: cut first (1 MB in 0.1 s at worst; only odd bodies come here).
    shallow = cut_depth(text.encode("utf-8", "replace"), MAX_DEPTH).decode()
    try:
        value: object = json.loads(
            shallow, strict=False, parse_int=_integer, parse_float=_number, parse_constant=str
        )
    except ValueError as error:
        raise MalformedPayloadError(f"The body is not JSON: {error}"[:200]) from error
    return value


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= _MAX_INTEGER_CHARS else cut_text(digits, _MAX_NUMBER_CHARS)


def _number(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else cut_text(digits, _MAX_NUMBER_CHARS)


def cut_depth(body: bytes, depth: int) -> bytes:
    """Return JSON text whose branches below ``depth`` are ``TOO_DEEP``, in linear time and without recursion.

    Brackets are counted outside of strings; whether they pair is left to the parser that comes after. A
    container of scalars may stand one level deeper.
    """
    pieces: list[bytes] = []
    level = kept = 0
    for match in _RUN.finditer(body):
        start, end = match.span(1)
        if start == end:
            break
        if body[start] in b"[{":
            above, level = level, level + end - start
            if above <= depth < level:
                pieces += (body[kept : start + depth - above], _TOO_DEEP_JSON)
                kept = len(body)
        else:
            above, level = level, level - end + start
            if above > depth >= level:
                kept = start + above - depth
    pieces.append(body[kept:])
    return b"".join(pieces)


def clean(value: object, depth: int = MAX_DEPTH) -> object:
    """Return a copy of a JSON value without NUL, lone surrogates, NaN and infinity, cut below ``depth``.

    Texts, objects and lists keep their length.
    """
    if isinstance(value, str):
        return clean_text(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        if depth == 0:
            return TOO_DEEP
        return {clean_text(str(key)): clean(member, depth - 1) for key, member in value.items()}
    if isinstance(value, list | tuple):
        if depth == 0:
            return TOO_DEEP
        return [clean(member, depth - 1) for member in value]
    return clean_text(str(value))


def clean_text(text: str) -> str:
    """Return the text with NUL and lone surrogates replaced by U+FFFD."""
    return _UNSTORABLE.sub(_REPLACEMENT, text) if not text.isascii() or "\x00" in text else text


def bound(value: object, depth: int = MAX_VALUE_DEPTH) -> tuple[object, int]:
    """Return a decoded JSON value within the caps (texts, members, integers, depth), and the number of cuts.

    Objects and lists are changed in place. Nearly all need no change: a look at them costs a third of a walk
    that could change them, and locals are the bulk of an error.
    """
    if isinstance(value, dict | list):
        return (value, 0) if _fits(value, depth) else _bound(value, depth)
    bounded = bound_scalar(value)
    return bounded, int(bounded is not value)


def _fits(value: dict[str, object] | list[object], depth: int) -> bool:
    """Return whether a value is within all caps; goes level by level, without recursion."""
    level: list[object] = [value]
    while level:
        members = _members(level) if depth > 0 else None
        if members is None:
            return False
        depth -= 1
        level = []
        for member in members:
            kind = type(member)
            if kind is str:
                if len(member) > MAX_TEXT_CHARS:  # type: ignore[arg-type]  # kind says it is a str
                    return False
            elif kind is dict or kind is list:
                level.append(member)
            elif kind is int and not MIN_INTEGER <= member <= MAX_INTEGER:  # type: ignore[operator]  # an int
                return False
    return True


def _members(containers: list[object]) -> list[object] | None:
    """Return the members of all containers, or None when one has too many or a key is too long."""
    members: list[object] = []
    for container in containers:
        if isinstance(container, dict):
            for key in container:
                if len(key) > MAX_LABEL_CHARS:
                    return None
            members += container.values()
        elif isinstance(container, list):
            members += container
        if len(container) > MAX_MEMBERS:  # type: ignore[arg-type]  # there are only these two
            return None
    return members


def _bound(value: object, depth: int) -> tuple[object, int]:
    if isinstance(value, dict):
        return (value, _bound_object(value, depth - 1)) if depth > 0 else (TOO_DEEP, 1)
    if isinstance(value, list):
        return (value, _bound_list(value, depth - 1)) if depth > 0 else (TOO_DEEP, 1)
    bounded = bound_scalar(value)
    return bounded, int(bounded is not value)


def _bound_object(value: dict[str, object], depth: int) -> int:
    cuts = 0
    if len(value) > MAX_MEMBERS:
        for key in list(islice(value, MAX_MEMBERS, None)):
            del value[key]
        cuts += 1
    is_key_long = False
    for key, member in value.items():
        is_key_long |= len(key) > MAX_LABEL_CHARS
        value[key], inner = _bound(member, depth)
        cuts += inner
    if is_key_long:
        members = list(value.items())
        value.clear()
        value.update((cut_text(key, MAX_LABEL_CHARS), member) for key, member in members)
        cuts += 1
    return cuts


def _bound_list(value: list[object], depth: int) -> int:
    cuts = 0
    if len(value) > MAX_MEMBERS:
        value[:] = cut_middle(value, MAX_MEMBERS)
        cuts += 1
    for place, member in enumerate(value):
        value[place], inner = _bound(member, depth)
        cuts += inner
    return cuts


def bound_scalar(value: object) -> object:
    """Return a text cut to ``MAX_TEXT_CHARS``, an integer beyond 64 bits as text, anything else as it is."""
    if type(value) is str:
        return cut_text(value, MAX_TEXT_CHARS)
    if type(value) is int and not MIN_INTEGER <= value <= MAX_INTEGER:
        return cut_text(str(value), _MAX_NUMBER_CHARS)
    return value
