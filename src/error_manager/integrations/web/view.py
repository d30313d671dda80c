"""Small formatting for the pages: times, numbers, sparklines, text safe to look at (seed box: Dashboard).

Pure. Nothing here returns HTML: templates escape every text, so a value is data until the browser draws it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from error_manager.core.types import Severity
from error_manager.core.value_mask import WILDCARD

THIN_SPACE: Final = "\u202f"
"""Narrow no-break space between thousands; figures stay on one line."""

NO_BREAK_SPACE: Final = "\u00a0"
"""Between a number and its unit, which stay on one line."""

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400
_JUST_NOW_UP_TO_S: Final = 5
_MAX_VALUE_CHARS: Final = 2_000

_ANSI: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_HASH: Final = re.compile(r"(?<![0-9A-Za-z])(?:[0-9a-f]{40}|[0-9a-f]{64})(?![0-9A-Za-z])")  # SHA-1, SHA-256
_HASH_CHARS: Final = 12
_MASK: Final = re.compile(r"\[([a-z][a-z0-9]*(?:-[a-z0-9]+){0,3})\]")
_TAG_KEY: Final = re.compile(r"[A-Za-z0-9_.\-]{1,59}")

MASK_WORDS: Final = {
    "secret": "secret",
    "email": "e-mail address",
    "ip": "network address",
    "card": "payment card number",
    "iban": "bank account number",
    "phone": "phone number",
    "ssn": "social security number",
    "device": "hardware address",
    "user": "name of a user",
    "url-credentials": "user name and password of a URL",
}
"""Classes of masked values and what they are called; any other ``[word]`` is ordinary text."""


IMPORTANCE: Final = {0.5: "low", 1.0: "normal", 2.0: "high", 4.0: "highest"}
"""The business weights that pages offer, and what they are called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A piece of text; ``mask`` is the class of the value that stood here, or "" for ordinary text.

    ``is_variable`` marks the part of a template that differs from error to error.
    """

    text: str
    mask: str = ""
    is_variable: bool = False

    @property
    def explanation(self) -> str:
        """Return what was masked, in words."""
        return f"Masked before it was kept: {MASK_WORDS.get(self.mask, self.mask)}"


def visible(text: str) -> str:
    """Return the text with everything that could trick a reader's eye made visible.

    ANSI colors are dropped; control characters become their pictures (NUL is ``␀``), direction overrides,
    invisible characters and lone surrogates their code points (``⟨U+202E⟩``). Line ends and tabs stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNSEEN.sub(_shown, _ANSI.sub("", text.replace("\r\n", "\n")))


def segments(text: object) -> tuple[Segment, ...]:
    """Return visible text split at masked values, which templates draw as chips."""
    shown = visible(text if isinstance(text, str) else value_text(text))
    if "[" not in shown:
        return (Segment(text=shown),)
    pieces: list[Segment] = []
    start = 0
    for match in _MASK.finditer(shown):
        if match[1] not in MASK_WORDS:
            continue
        if match.start() > start:
            pieces.append(Segment(text=shown[start : match.start()]))
        pieces.append(Segment(text=match[1], mask=match[1]))
        start = match.end()
    if start < len(shown) or not pieces:
        pieces.append(Segment(text=shown[start:]))
    return tuple(pieces)


def title_segments(text: str) -> tuple[Segment, ...]:
    """Return a title split at masked values and at the parts that vary, both drawn as chips."""
    pieces: list[Segment] = []
    for number, part in enumerate(text.split(WILDCARD)):
        if number:
            pieces.append(Segment(text="*", is_variable=True))
        if part:
            pieces.extend(segments(part))
    return tuple(pieces)


def value_text(value: object) -> str:
    """Return a local variable or context value as readable text: strings as they are, the rest as JSON."""
    if isinstance(value, str):
        return value if len(value) <= _MAX_VALUE_CHARS else f"{value[:_MAX_VALUE_CHARS]}…"
    written = json.dumps(value, ensure_ascii=False, default=str)
    return written if len(written) <= _MAX_VALUE_CHARS else f"{written[:_MAX_VALUE_CHARS]}…"


def relative_time(then: datetime, now: datetime) -> str:
    """Return how long ago (or how soon) in the largest fitting unit: ``4 min ago``, ``in 2 h``."""
    seconds = (now - then).total_seconds()
    if abs(seconds) < _JUST_NOW_UP_TO_S:
        return "just now"
    span = span_text(abs(seconds))
    return f"{span} ago" if seconds > 0 else f"in {span}"


def span_text(seconds: float) -> str:
    """Return a span in the largest fitting unit: ``12 s``, ``4 min``, ``5 days``, ``2 years``."""
    steps: tuple[tuple[float, float, str, str], ...] = (
        (_MINUTE, 1, "s", "s"),
        (_HOUR, _MINUTE, "min", "min"),
        (_DAY, _HOUR, "h", "h"),
        (45 * _DAY, _DAY, "day", "days"),
        (365 * _DAY, 30.44 * _DAY, "month", "months"),
    )
    for limit, unit_s, one, many in steps:
        if seconds < limit:
            count = int(seconds / unit_s)
            return f"{count} {one if count == 1 else many}"
    count = int(seconds / (365 * _DAY))
    return f"{count} {'year' if count == 1 else 'years'}"


def absolute_time(time: datetime) -> str:
    """Return a time to the second in UTC: ``2026-11-23 21:40:00 UTC``."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def moment(time: datetime) -> str:
    """Return a time as a sentence names it, in UTC: ``Nov 23, 21:40``; a script puts it in its reader's."""
    return time.astimezone(UTC).strftime("%b %-d, %H:%M")


def iso_time(time: datetime) -> str:
    """Return a time for machines, as the ``datetime`` attribute of a page wants it."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def offset_text(then: datetime, anchor: datetime) -> str:
    """Return where a step lies before the error: ``-1.5 s``, ``-3 min``; ``0 s`` at it."""
    seconds = (then - anchor).total_seconds()
    sign = "-" if seconds < 0 else "+"
    size = abs(seconds)
    if size < 0.0005:
        return "0 s"
    if size < 1:
        return f"{sign}{round(size * 1000)} ms"
    if size < _MINUTE:
        return f"{sign}{size:.1f} s"
    return f"{sign}{span_text(size)}"


def compact(number: int) -> str:
    """Return a count in at most four characters and a letter: ``999``, ``1.2k``, ``34k``, ``5.6M``."""
    size = abs(number)
    for limit, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if size >= limit:
            scaled = number / limit
            # Cut, not rounded: 999,999 is "999k", never "1000k".
            tenths = int(abs(scaled) * 10) / 10
            text = f"{tenths:.1f}" if tenths < 10 else f"{int(tenths)}"
            return f"{'-' if number < 0 else ''}{text.removesuffix('.0')}{unit}"
    return str(number)


def exact(number: int) -> str:
    """Return a count with thin spaces between thousands."""
    return f"{number:,}".replace(",", THIN_SPACE)


def share(part: int, whole: int) -> str:
    """Return a percentage of ``whole``: ``12 %``; ``< 1 %`` and ``> 99 %`` instead of a false 0 or 100."""
    if whole <= 0:
        return "0 %"
    percent = 100 * part / whole
    if 0 < percent < 1:
        return "< 1 %"
    if 99 < percent < 100:
        return "> 99 %"
    return f"{percent:.0f} %"


def size_text(size_bytes: int) -> str:
    """Return bytes in binary units: ``512 B``, ``1.5 KiB``, ``64 MiB``."""
    size = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            number = f"{size:.0f}" if size >= 10 or unit == "B" else f"{size:.1f}"
            return f"{number}{NO_BREAK_SPACE}{unit}"
        size /= 1024
    return f"{size:.1f}{NO_BREAK_SPACE}TiB"


def short_release(text: str) -> str:
    """Return a release with its hashes cut to 12 digits, as git shows them: ``shop@1f2e3d4c5b6a``."""
    return _HASH.sub(lambda match: match[0][:_HASH_CHARS], text)


def sparkline(counts: Sequence[int], *, width: int = 120, height: int = 28) -> str:
    """Return the SVG path of a bar sparkline, zero-based; "" when there is nothing to draw.

    Args:
        counts: errors per bucket, oldest first, each >= 0.
        width: of the drawing, in px.
        height: of the drawing, in px; the largest bucket fills it.
    """
    peak = max(counts, default=0)
    if peak <= 0:
        return ""
    step = width / len(counts)
    bar = max(step - 1, step * 0.6)
    path: list[str] = []
    for index, count in enumerate(counts):
        if count:
            # At least 1.5 px: one error in a quiet week must be seen beside a burst of thousands.
            tall = max(1.5, height * count / peak)
            path.append(f"M{index * step:.1f} {height}v-{tall:.1f}h{bar:.1f}v{tall:.1f}z")
    return "".join(path)


def tag_url(key: str, value: str) -> str:
    """Return the address of all patterns with that tag, "" when the search cannot say it."""
    if not _TAG_KEY.fullmatch(key) or '"' in value or not value:
        return ""
    return "/patterns?" + urlencode({"q": f'tag.{key}:"{value}"', "status": "all"}, errors="replace")


def severity_shape(severity: Severity) -> str:
    """Return the name of the shape that stands beside a severity, so that it never rests on color alone."""
    return {
        Severity.FATAL: "octagon",
        Severity.CRITICAL: "diamond",
        Severity.ERROR: "circle",
        Severity.WARNING: "triangle",
        Severity.INFO: "square",
        Severity.DEBUG: "ring",
    }[severity]


def package_of(module: str, filename: str, package: str) -> str:
    """Return the library a frame belongs to: its package, the first part of its module, or its folder."""
    if package:
        return package
    if module:
        return module.split(".", maxsplit=1)[0].split("/", maxsplit=1)[0] or module
    parts = [part for part in filename.replace("\\", "/").split("/") if part]
    for marker in ("site-packages", "dist-packages", "node_modules", "vendor"):
        if marker in parts[:-1]:
            return parts[parts.index(marker) + 1]
    return parts[0] if parts else "unknown"


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return f"⟨U+{code:04X}⟩"


def importance_word(weight: float) -> str:
    """Return what a business weight is called: ``high``; one that pages do not offer as ``x3``."""
    return IMPORTANCE.get(weight, f"x{weight:g}")


def importance_choices(weight: float) -> tuple[tuple[str, str, bool], ...]:
    """Return what may be chosen as (value, words, whether it is the weight now), the least first."""
    return tuple(
        (
            f"{one:.9g}",
            f"{importance_word(one)} (x{one:g})"
            if one in IMPORTANCE and one != 1.0
            else importance_word(one),
            one == weight,
        )
        for one in sorted({*IMPORTANCE, weight})
    )
