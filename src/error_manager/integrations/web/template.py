"""Draws the pages: Jinja with everything escaped, strict names, and the headers each page carries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Final, Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Response

from error_manager.core.wording import number, plural, span
from error_manager.integrations.web import view
from error_manager.integrations.web.asset import asset_url
from error_manager.monitoring.answers import risk_word
from error_manager.storage.base import HistoryPoint, PatternChangeRow, PatternRow

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""No inline script or style, nothing from elsewhere, not inside another page, not kept by the browser."""

_FRESH: Final = timedelta(hours=1)
_LINE_CHARS: Final = 300
_DEEDS: Final = {
    "regressed": "came back",
    "merged": "merged with",
    "merged_into": "merged into",
    "split": "split off:",
    "split_off": "split off from",
    "weighted": "importance",
}
_HISTORY_WIDTH: Final = 600
_HISTORY_HEIGHT: Final = 90


class Described(Protocol):
    """What has a title and a message: a pattern, one of its groups, one that it may be merged with."""

    @property
    def title(self) -> str:
        """Return the title."""
        ...

    @property
    def message(self) -> str:
        """Return the message of the first error."""
        ...


def html(
    name: str, values: Mapping[str, object] | None = None, /, *, status_code: int = 200, **more: object
) -> Response[bytes]:
    """Return the template drawn with ``values`` and ``more`` as an answer."""
    return Response(
        render(name, **(values or {}), **more).encode("utf-8", errors="replace"),
        status_code=status_code,
        media_type="text/html",
        headers=SECURITY_HEADERS,
    )


def render(name: str, **values: object) -> str:
    """Return the drawn template.

    Raises:
        jinja2.UndefinedError: a name the template uses was not given.
    """
    return environment().get_template(name).render(values)


@cache
def environment() -> Environment:
    """Return the environment of all templates."""
    made = Environment(
        loader=PackageLoader("error_manager.integrations.web"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    made.filters |= {
        "amount": number,
        "absolute": view.absolute_time,
        "ago": view.relative_time,
        "compact": view.compact,
        "deed": deed,
        "exact": view.exact,
        "history_path": _history_path,
        "importance": view.importance_word,
        "importance_choices": view.importance_choices,
        "is_fresh": is_fresh,
        "iso": view.iso_time,
        "moment": view.moment,
        "plural": plural,
        "release": view.short_release,
        "risk_word": risk_word,
        "second_line": second_line,
        "segments": view.segments,
        "shape": view.severity_shape,
        "share": view.share,
        "size": view.size_text,
        "span": span,
        "sparkline": view.sparkline,
        "title_segments": view.title_segments,
        "until": _until,
        "words": _words,
    }
    made.globals["asset"] = asset_url
    return made


def deed(change: PatternChangeRow) -> str:
    """Return what was done to a pattern; the names of the other patterns follow."""
    if change.action == "undone":
        return f"undone: {_DEEDS.get(change.undone, change.undone)}"
    if change.weight is not None:
        return f"importance set to {view.importance_word(change.weight)}"
    return _DEEDS.get(change.action, change.action)


def second_line(row: Described, limit: int = _LINE_CHARS) -> str:
    """Return the message of a pattern without what its title already says, cut to ``limit`` characters."""
    head, _, after = row.message.partition(": ")
    is_title = head == row.title or head.endswith(f".{row.title}")  # Java and Python name the package, too
    rest = after.strip() if is_title else row.message.removeprefix(row.title).strip()
    return rest if len(rest) <= limit else f"{rest[:limit]}…"


def is_fresh(row: PatternRow, now: datetime) -> bool:
    """Return whether the pattern was first seen within the last hour."""
    return now - row.first_seen < _FRESH


def _shown(value: object) -> object:
    """Return what an expression of a template puts on the page: text with everything unseen made visible."""
    return view.visible(value) if type(value) is str else value


def _history_path(points: tuple[HistoryPoint, ...]) -> str:
    return view.sparkline([p.count for p in points], width=_HISTORY_WIDTH, height=_HISTORY_HEIGHT)


def _until(time: datetime, now: datetime) -> str:
    return view.span_text(max(0.0, (time - now).total_seconds()))


def _words(name: str) -> str:
    return name.replace("_", " ")
