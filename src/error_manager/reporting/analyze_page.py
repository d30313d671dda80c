"""Draws an offline analysis as one HTML page without script or request (seed box: Report Generator)."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from error_manager.analysis.found import FoundPattern
from error_manager.core.types import Severity
from error_manager.reporting.analyze import Analysis
from error_manager.reporting.analyze_findings_page import code, findings_html
from error_manager.reporting.analyze_frame import cards, page

_MAX_ROWS: Final = 500
"""Patterns on the page; all are in patterns.json and patterns.csv."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MARK_TITLES: Final = {
    "new": "first seen in the last tenth of the time range",
    "rare": "less than one record in a thousand",
    "burst": "most of it came within one twentieth of the time range",
}


def to_html(analysis: Analysis) -> str:
    """Return one page that needs nothing else; it reads well on a phone and in dark mode."""
    shown = analysis.patterns[:_MAX_ROWS]
    top = shown[0].count if shown else 1
    body = "\n".join(_row(analysis, pattern, top) for pattern in shown)
    more = len(analysis.patterns) - len(shown)
    rest = f"<p>{more:,} more patterns are in patterns.csv and patterns.json.</p>" if more > 0 else ""
    return page(
        f"Patterns in {analysis.source}",
        f"{_range_text(analysis)}{_cards(analysis)}{_chart(analysis)}"
        f"{findings_html(analysis.findings, {each.id: each.text for each in analysis.patterns})}"
        f'<h2>Patterns</h2><div class="rows">\n{body}\n</div>{rest}',
    )


def _range_text(analysis: Analysis) -> str:
    if analysis.start is None or analysis.end is None:
        return "<p>The input has no times.</p>"
    return f"<p>{_minute(analysis.start)} to {_minute(analysis.end)} UTC</p>"


def _minute(minutes: int) -> str:
    return (_EPOCH + timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M")


def _cards(analysis: Analysis) -> str:
    bad = sum(each.count for each in analysis.patterns if _is_bad(each.severity))
    marks = Counter(mark for pattern in analysis.patterns for mark in pattern.marks)
    figures = [
        (analysis.unit, f"{analysis.total:,}"),
        ("patterns", f"{len(analysis.patterns):,}"),
        (f"{analysis.unit} of patterns with errors", f"{bad:,}"),
        ("new patterns", f"{marks['new']:,}"),
        ("bursts", f"{marks['burst']:,}"),
    ]
    if analysis.overflowed:
        figures.append(("not kept apart", f"{analysis.overflowed:,}"))
    return cards(figures)


def _is_bad(severity: Severity | None) -> bool:
    return severity is not None and severity.rank >= Severity.ERROR.rank


def _chart(analysis: Analysis) -> str:
    if len(analysis.series) < 2 or analysis.start is None or analysis.end is None:
        return ""
    return (
        f'<h2>{html.escape(analysis.unit.capitalize())} over time</h2><div class="chart">'
        f"{_bars(analysis.series, height=90)}"
        f'<div class="axis"><span>{_minute(analysis.start)}</span>'
        f"<span>highest {max(analysis.series):,}</span>"
        f"<span>{_minute(analysis.end)}</span></div></div>"
    )


def _bars(series: Sequence[int], *, height: int) -> str:
    """Return a bar chart as SVG; a count above 0 is never invisible."""
    top = max(series)
    bars = "".join(
        f'<rect x="{place * 10}" y="{height - size:.1f}" width="9" height="{size:.1f}" rx="1"/>'
        for place, count in enumerate(series)
        if (size := max(2.0, count / top * height) if count else 0.0)
    )
    return (
        f'<svg viewBox="0 0 {len(series) * 10} {height}" height="{height}" preserveAspectRatio="none"'
        f' role="img" aria-label="counts over time, highest {top:,}">{bars}</svg>'
    )


def _row(analysis: Analysis, pattern: FoundPattern, top: int) -> str:
    where = f'<div class="where">{html.escape(pattern.where)}</div>' if pattern.where else ""
    samples = "\n\n".join(pattern.samples)
    chart = _bars(pattern.series, height=28) if len(pattern.series) > 1 and max(pattern.series) else ""
    times = "<br>".join(html.escape(each) for each in dict.fromkeys((pattern.first, pattern.last)) if each)
    return (
        f'<div class="row"><div class="n"><b>{pattern.count:,}</b><span>{analysis.share(pattern):.1%}</span>'
        f'<div class="bar" style="width:{100 * pattern.count / top:.1f}%"></div></div>'
        f"<div>{_severity(pattern.severity)}{_tags(pattern)}</div>"
        f'<div class="what">{code(pattern.text)}{where}'
        f"<details><summary>Sample</summary><pre>{html.escape(samples)}</pre></details></div>"
        f'<div class="time">{chart}<div class="when">{times}</div></div></div>'
    )


def _severity(severity: Severity | None) -> str:
    if severity is None:
        return ""
    kind = "bad" if _is_bad(severity) else "warn" if severity is Severity.WARNING else ""
    return f'<span class="sev {kind}">{severity.value}</span>'


def _tags(pattern: FoundPattern) -> str:
    return "".join(f'<span class="tag" title="{_MARK_TITLES[mark]}">{mark}</span>' for mark in pattern.marks)
