"""The frame of a page of the offline analysis, which needs no other file (seed box: Report Generator)."""

from __future__ import annotations

import html
from collections.abc import Iterable
from importlib import resources
from typing import Final

_STYLE: Final = (resources.files("error_manager.reporting") / "templates" / "analyze.css").read_text("utf-8")


def page(title: str, body: str) -> str:
    """Return one page that needs nothing else; it reads well on a phone and in dark mode.

    Args:
        title: as text.
        body: as HTML, below the title.
    """
    named = html.escape(title)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{named}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{named}</h1>{body}</main></body></html>\n"
    )


def cards(figures: Iterable[tuple[str, str]]) -> str:
    """Return figures, each with its name, side by side."""
    shown = "".join(
        f'<div class="card"><b>{html.escape(figure)}</b><span>{html.escape(name)}</span></div>'
        for name, figure in figures
    )
    return f'<div class="cards">{shown}</div>'
