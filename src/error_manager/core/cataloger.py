"""Where an error belongs: module, code, severity, template, title and group (seed box: Error Cataloger)."""

from __future__ import annotations

import re
from typing import Final

from error_manager.core.fingerprint import FORMER, fingerprint
from error_manager.core.quick import maker
from error_manager.core.rules import RuleSet
from error_manager.core.text_mask import mask_message
from error_manager.core.types import CatalogEntry, ErrorEvent, ExceptionInfo, Frame

_entry_of: Final = maker(CatalogEntry)
MODULE_CHARS: Final = 100
ERROR_CODE_CHARS: Final = 50
TITLE_CHARS: Final = 200
TEMPLATE_CHARS: Final = 500
CULPRIT_CHARS: Final = 300
UNKNOWN_MODULE: Final = "unknown"

_ERRNO: Final = re.compile(r"^\[(Errno|WinError) (-?[0-9]{1,6})\]")
_NODE_ERRNO: Final = re.compile(r"\b(E[A-Z]{3,15}|ERR_[A-Z_]{3,40})\b")
_SQLSTATE: Final = re.compile(r"(?i)\bSQL ?STATE\b[ :=(\[]{0,3}['\"]?([0-9A-Z]{5})\b")
_HTTP: Final = re.compile(
    r"(?i)^(?:http(?:/[0-9.]+)?(?: error)?:? |request failed with status code |response status "
    r"|status(?: code)?:? )?"
    r"([45][0-9]{2})\b(?: (?:client|server) error)?"
)
_HTTP_TYPES: Final = ("http", "response", "status", "axios", "request")
_CODE_TAGS: Final = ("error_code", "error.code")
_SQLSTATE_TAGS: Final = ("sqlstate", "errno")
_ERRNO_NAMES: Final = {
    1: "EPERM", 2: "ENOENT", 3: "ESRCH", 4: "EINTR", 5: "EIO", 9: "EBADF", 11: "EAGAIN", 12: "ENOMEM",
    13: "EACCES", 16: "EBUSY", 17: "EEXIST", 20: "ENOTDIR", 21: "EISDIR", 22: "EINVAL", 23: "ENFILE",
    24: "EMFILE", 26: "ETXTBSY", 27: "EFBIG", 28: "ENOSPC", 29: "ESPIPE", 30: "EROFS", 32: "EPIPE",
    36: "ENAMETOOLONG", 39: "ENOTEMPTY", 40: "ELOOP", 98: "EADDRINUSE", 99: "EADDRNOTAVAIL",
    101: "ENETUNREACH", 103: "ECONNABORTED", 104: "ECONNRESET", 107: "ENOTCONN", 110: "ETIMEDOUT",
    111: "ECONNREFUSED", 113: "EHOSTUNREACH", 122: "EDQUOT",
}  # fmt: skip
"""Numbers of Linux (errno(3)); those of other systems that differ stay numbers in the message."""


def catalog(
    event: ErrorEvent,
    rules: RuleSet | None = None,
    *,
    template_id: int | None = None,
    former: int | None = FORMER,
) -> CatalogEntry:
    """Return where a (masked) error belongs.

    Args:
        event: the error.
        rules: of its project; None = it has none.
        template_id: the mined template of a bare message, None when it has none.
        former: the version of the fingerprint whose groups the error is also looked up by; None = none.
    """
    crash = crashing_frame(event)
    return _entry_of(
        module=cut_left(_module(event, crash), MODULE_CHARS),
        error_code=cut_left(_error_code(event), ERROR_CODE_CHARS),
        severity=event.severity,
        title=_title(event),
        culprit=_culprit(event, crash),
        template=_template(event),
        fingerprint=fingerprint(event, rules, template_id=template_id),
        former=None if former is None else fingerprint(event, rules, version=former),
    )


def crashing_frame(event: ErrorEvent) -> Frame | None:
    """Return the innermost frame of the application, else the innermost frame, or None without a stack."""
    raised = event.raised
    frames = raised.frames if raised is not None and raised.frames else event.frames
    if not frames:
        frames = next((exception.frames for exception in reversed(event.exceptions) if exception.frames), ())
    return next((frame for frame in reversed(frames) if frame.in_app), frames[-1] if frames else None)


def cut_left(text: str, limit: int) -> str:
    """Return the last ``limit`` characters, marked where the start is missing: the end says most."""
    return text if len(text) <= limit else "…" + text[1 - limit :]


def _tag(event: ErrorEvent, name: str) -> str:
    return next((value for key, value in event.tags if key == name and value), "")


def _module(event: ErrorEvent, crash: Frame | None) -> str:
    explicit = event.module or _tag(event, "module")
    if explicit:
        return explicit
    if crash is not None and crash.in_app and (named := crash.module or crash.filename):
        return named
    return event.logger or event.service or UNKNOWN_MODULE


def _error_code(event: ErrorEvent) -> str:
    if event.error_code:
        return event.error_code
    if tagged := next((found for name in _CODE_TAGS if (found := _tag(event, name))), ""):
        return tagged
    for exception in reversed(event.exceptions):
        if code := _code_of(exception):
            return code
    if tagged := next((found for name in _SQLSTATE_TAGS if (found := _tag(event, name))), ""):
        return tagged
    raised = event.raised
    return raised.type if raised is not None and raised.type else f"LOG_{event.severity.value.upper()}"


def _code_of(exception: ExceptionInfo) -> str:
    """Return the SQLSTATE, the name of the errno or the HTTP status in the text of an exception, or ""."""
    value = exception.value[:500]
    if found := _ERRNO.match(value):
        number = int(found.group(2))
        return (
            _ERRNO_NAMES.get(number, f"ERRNO_{number}") if found.group(1) == "Errno" else f"WINERROR_{number}"
        )
    if found := _SQLSTATE.search(value):
        return found.group(1).upper()
    if exception.type.endswith(("Error", "Exception")) and (found := _NODE_ERRNO.search(value)):
        name = found.group(1)
        if name in _ERRNO_NAMES.values() or name.startswith("ERR_"):
            return name
    if any(word in exception.type.lower() for word in _HTTP_TYPES) and (found := _HTTP.match(value)):
        return f"HTTP_{found.group(1)}"
    return ""


def _title(event: ErrorEvent) -> str:
    raised = event.raised
    if raised is not None and raised.type:
        return _cut(raised.type, TITLE_CHARS)
    return _cut(_first_line(_template(event)) or _first_line(event.message) or "(no message)", TITLE_CHARS)


def _template(event: ErrorEvent) -> str:
    if event.template:
        return _cut(mask_message(event.template, keeps_quoted=True), TEMPLATE_CHARS)
    raised = event.raised
    return _cut(mask_message((raised.value if raised is not None else "") or event.message), TEMPLATE_CHARS)


def _culprit(event: ErrorEvent, crash: Frame | None) -> str:
    if crash is None:
        return _cut(event.transaction or event.logger, CULPRIT_CHARS)
    file = crash.filename or crash.abs_path or crash.module
    place = f"{file}:{crash.lineno}" if file and crash.lineno > 0 else file
    return _cut(" in ".join(part for part in (crash.function, place) if part), CULPRIT_CHARS)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].strip()


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
