"""Draws what an offline analysis found in alarms as HTML (seed box: Report Generator)."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Final

from error_manager.analysis.alarm_finding import AlarmFindings
from error_manager.analysis.causality import Edge
from error_manager.analysis.graph_layout import NODE_HEIGHT, NODE_WIDTH, Layout, Pair, lay_out
from error_manager.core.wording import plural
from error_manager.reporting.analyze_alarms import alarms_text, lift_text, notes, reported, trust_text
from error_manager.reporting.analyze_frame import cards, page

_MOST: Final = 60
"""Reported pairs on the page; all are in pairs.csv."""
_MOST_OTHERS: Final = 20
_FIGURES: Final = ("score", "together", "cause first", "direct")
_NAME: Final = 26
"""Letters of a name that a box has room for."""


def alarms_to_html(found: AlarmFindings) -> str:
    """Return one page with the graph of the surest causes and the pairs."""
    told = reported(found)
    texts = (alarms_text(found), *notes(found), *([trust_text(found)] if found.graph.edges else []))
    figures = (
        ("alarms", f"{found.total:,}"),
        ("kinds", f"{len(found.kinds):,}"),
        ("places", f"{found.places:,}"),
        ("pairs reported", f"{len(told):,}"),
        ("order in time trusted", f"{found.graph.order_trust:.0%}"),
    )
    body = "".join(f"<p>{html.escape(text)}</p>" for text in texts)
    return page(
        f"Alarms in {found.source}",
        body + cards(figures) + _graph(found, told) + _legend(found) + _pairs(found),
    )


def _legend(found: AlarmFindings) -> str:
    if not found.graph.edges:
        return ""
    return (
        "<p><b>together</b>: how many times as often the two are near each other as hours apart. "
        "<b>cause first</b>: of the times with an order, in how many the cause came first; 50% is no order. "
        "<b>direct</b>: how many of the causes are followed by an effect that no other kind explains.</p>"
    )


def _pairs(found: AlarmFindings) -> str:
    """Return the reported pairs and, folded, the best of the others."""
    told, others = reported(found), [edge for edge in found.graph.edges if not edge.is_reported]
    more = len(told[_MOST:]) + len(others[_MOST_OTHERS:])
    rest = f"<p>{more:,} more pairs are in pairs.csv.</p>" if more else ""
    shown = f"<h2>Reported pairs</h2>{_rows(found, told[:_MOST])}" if told else ""
    if others:
        count = min(len(others), _MOST_OTHERS)
        shown += (
            f"<details><summary>{count:,} {plural(count, 'pair')} that did not stand out</summary>"
            f"{_rows(found, others[:_MOST_OTHERS])}</details>"
        )
    return shown + rest


def _rows(found: AlarmFindings, edges: Sequence[Edge]) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("cause and effect", *_FIGURES))
    body = "".join(_row(found, edge) for edge in edges)
    return f'<table class="pairs"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _row(found: AlarmFindings, edge: Edge) -> str:
    cause, effect = (html.escape(found.kinds[code]) for code in (edge.cause, edge.effect))
    figures = (
        f"{edge.score:.2f}",
        f"&times; {lift_text(edge)}",
        f"{edge.lead_share:.0%}",
        f"{edge.direct_share:.0%}",
    )
    cells = "".join(
        f'<td data-name="{name}">{text}</td>' for name, text in zip(_FIGURES, figures, strict=True)
    )
    return f'<tr><td><b>{cause}</b> <span class="to">&rarr;</span> <b>{effect}</b></td>{cells}</tr>'


def _graph(found: AlarmFindings, told: Sequence[Edge]) -> str:
    layout = lay_out([Pair(edge.cause, edge.effect, edge.score) for edge in told])
    if not layout.lines:
        return "<p>No pair is reported.</p>" if found.graph.edges else ""
    lines = "".join(_line(found, layout, place, told) for place in range(len(layout.lines)))
    boxes = "".join(
        f"<g><title>{html.escape(found.kinds[code])}</title>"
        f'<rect x="{corner.x + 1}" y="{corner.y}" width="{NODE_WIDTH}" height="{NODE_HEIGHT}" rx="5"/>'
        f'<text x="{corner.x + 11}" y="{corner.y + 22}">{html.escape(_short(found.kinds[code]))}</text></g>'
        for code, corner in layout.corners.items()
    )
    less = f" (the {len(layout.lines)} surest)" if len(layout.lines) < len(told) else ""
    return (
        f'<div class="graph"><h2>What causes what{less}</h2><p>The cause stands left; a thicker line is '
        'surer.</p><div class="chart">'
        f'<svg viewBox="0 0 {layout.width} {layout.height}" style="max-width:{layout.width}px" role="img" '
        'aria-label="Which kind of alarm causes which"><defs><marker id="arrow" viewBox="0 0 8 8" refX="8" '
        'refY="4" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto">'
        f'<path d="M0 0l8 4-8 4z"/></marker></defs>{lines}{boxes}</svg></div></div>'
    )


def _line(found: AlarmFindings, layout: Layout, place: int, told: Sequence[Edge]) -> str:
    line = layout.lines[place]
    edge = told[line.place]
    label = line.x2 + (-10 if line.is_forward else 10)
    side = "" if line.is_forward else ' class="back"'
    is_alone = sum(told[other.place].effect == edge.effect for other in layout.lines) == 1
    text = f'<text x="{label}" y="{line.y2 - 6}"{side}>&times;{lift_text(edge)}</text>' if is_alone else ""
    names = html.escape(f"{found.kinds[edge.cause]} → {found.kinds[edge.effect]}")
    return (
        f'<g class="edge"><title>{names}: together &times; {lift_text(edge)}, score {edge.score:.2f}</title>'
        f'<path d="{line.path}" stroke-width="{1 + 3 * edge.score:.1f}" marker-end="url(#arrow)"/>{text}</g>'
    )


def _short(name: str) -> str:
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
