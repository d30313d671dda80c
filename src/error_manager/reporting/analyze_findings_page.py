"""Draws what an offline analysis found beyond patterns as HTML (seed box: Report Generator)."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Final

from error_manager.analysis.log_finding import Advice, Follows, LogFindings, Stretch
from error_manager.reporting.analyze_findings import (
    family_text,
    lag_text,
    rate_text,
    stretch_name,
    time_text,
)

_MOST: Final = 20
"""Rows of each kind on the page; all are in patterns.json and findings.csv."""


def findings_html(findings: LogFindings | None, texts: Mapping[str, str]) -> str:
    """Return the sections of what was found, "" when there is nothing to tell.

    Args:
        findings: None when nobody asked.
        texts: of the patterns, masked, by id.
    """
    if findings is None:
        return ""
    sections = (
        ("What to do", [_advice(each, texts) for each in findings.advice]),
        ("What follows what", [_follows(each, texts) for each in findings.follows]),
        ("Unusual stretches", [_stretch(each, texts) for each in findings.stretches]),
    )
    note = f"<p>{html.escape(findings.note)}</p>" if findings.note else ""
    return "".join(_section(title, rows) for title, rows in sections if rows) + note


def code(text: str) -> str:
    """Return the text of a pattern with its wildcards marked."""
    marked = html.escape(text).replace("&lt;*&gt;", "<mark>&lt;*&gt;</mark>")
    return f"<code>{marked}</code>"


def _section(title: str, rows: list[str]) -> str:
    more = len(rows) - _MOST
    rest = f"<p>{more:,} more are in patterns.json and findings.csv.</p>" if more > 0 else ""
    return f'<h2>{title}</h2><div class="found">{"".join(rows[:_MOST])}</div>{rest}'


def _advice(advice: Advice, texts: Mapping[str, str]) -> str:
    family = family_text(advice)
    told = f'<div class="where">{html.escape(family)}</div>' if family else ""
    reason = "" if advice.is_check else f'<div class="where">{html.escape(advice.reason)}</div>'
    checks = "".join(f"<li>{html.escape(check)}</li>" for check in advice.checks)
    listed = f"<ul>{checks}</ul>" if checks else ""
    why = html.escape("; ".join(advice.risk_reasons))
    return (
        f'<div class="item"><div class="side"><b>{advice.risk:.0f}</b><span title="{why}">risk</span></div>'
        f"<div>{code(texts[advice.pattern])}{told}"
        f'<div class="do">{html.escape(advice.action)}</div>{reason}{listed}</div></div>'
    )


def _follows(pair: Follows, texts: Mapping[str, str]) -> str:
    return (
        f'<div class="item"><div class="side"><b>{pair.score:.2f}</b><span>score</span></div>'
        f'<div>{code(texts[pair.cause])}<div class="then"><span class="tag">'
        f"{html.escape(lag_text(pair))}</span><span>{pair.support} of {pair.occasions} times</span></div>"
        f"{code(texts[pair.effect])}</div></div>"
    )


def _stretch(stretch: Stretch, texts: Mapping[str, str]) -> str:
    return (
        f'<div class="item"><div class="side"><span class="tag {stretch.kind.value}">{stretch_name(stretch)}'
        f"</span></div><div>{code(texts[stretch.pattern])}"
        f'<div class="where">{time_text(stretch)} UTC: {rate_text(stretch)}</div></div></div>'
    )
