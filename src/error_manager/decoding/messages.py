"""The one readable text of an error: its log message, formatted, or its exception (seed box: Error Entry)."""

from __future__ import annotations

import re
from typing import Final

from error_manager.core.limits import MAX_MESSAGE_CHARS, cut_text
from error_manager.core.types import ExceptionInfo
from error_manager.decoding.reader import scalar_text

NO_MESSAGE: Final = "(no message)"
"""Message of an error that carries no text at all."""
# A place for a parameter: %s %d %5.2f %(name)s {} {0} {name}; %% and {{ }} stand for themselves.
_PLACE: Final = re.compile(
    r"%%|%(?:\((?P<key>[^()]{1,100})\))?[#0\- +]{0,5}\d{0,5}(?:\.\d{0,5})?[diouxXeEfFgGcrsaj]"
    r"|\{(?P<brace>\w{0,100})\}",
    re.ASCII,
)


def exception_message(exceptions: tuple[ExceptionInfo, ...]) -> str:
    """Return ``Type: value`` of the raised exception, or what there is of it."""
    if not exceptions:
        return ""
    raised = exceptions[-1]
    text = ": ".join(part for part in (raised.type, raised.value) if part)
    return text[:MAX_MESSAGE_CHARS].strip()


def interpolate(template: str, params: object) -> str:
    """Return the template with its places filled; places without a parameter stay as they are.

    Args:
        template: with places in the style of ``%`` or of braces.
        params: a list (by position) or an object (by name); anything else fills nothing.

    Returns:
        At most ``MAX_MESSAGE_CHARS`` characters. Precision and width are ignored: parameters arrive as text.
    """
    if not params or not isinstance(params, list | dict):
        return template
    pieces: list[str] = []
    size = kept = position = 0
    for match in _PLACE.finditer(template):
        filled = _parameter(match, params, position)
        position += match[0] != "%%"
        pieces += (template[kept : match.start()], filled)
        size += match.start() - kept + len(filled)
        kept = match.end()
        if size > MAX_MESSAGE_CHARS:  # a short template may name one long parameter a thousand times
            break
    pieces.append(template[kept:])
    return cut_text("".join(pieces), MAX_MESSAGE_CHARS)


def _parameter(match: re.Match[str], params: list[object] | dict[str, object], position: int) -> str:
    if match[0] == "%%":
        return "%"
    key = match["key"] or match["brace"]
    if isinstance(params, dict):
        return scalar_text(params[key]) if key in params else match[0]
    if key and not key.isdecimal():
        return match[0]
    place = int(key) if key and len(key) < 4 else position
    return scalar_text(params[place]) if place < len(params) else match[0]
