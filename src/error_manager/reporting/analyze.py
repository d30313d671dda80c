"""Writes the result of an offline analysis as JSON, CSV and one HTML page (seed box: Report Generator)."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Sequence
from typing import Final

from error_manager.analysis.found import FoundPattern
from error_manager.core.wording import plural

_COLUMNS: Final = ("id", "count", "share", "severity", "first", "last", "where", "text", "sample")
_RISKY_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would run a cell that starts with one of these (OWASP, CSV injection)."""
_STYLE: Final = (
    ":root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;"
    "padding:0 1rem}table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;"
    "padding:.4rem .6rem;border-bottom:1px solid #8884}td.n,th.n{text-align:right;white-space:nowrap;"
    "font-variant-numeric:tabular-nums}code,pre{font:13px/1.4 ui-monospace,monospace;white-space:pre-wrap;"
    "overflow-wrap:anywhere}mark{background:#f592;color:inherit;border-radius:3px;padding:0 .15em}"
    ".bar{height:4px;background:#4477dd;border-radius:2px}summary{cursor:pointer;color:#888}"
)


def rows(patterns: Sequence[FoundPattern], total: int) -> list[dict[str, object]]:
    """Return one object per pattern; ``share`` is its part of all errors read (0..1)."""
    return [
        {
            "id": pattern.id,
            "count": pattern.count,
            "share": round(pattern.count / total, 6) if total else 0.0,
            "severity": pattern.severity.value if pattern.severity else "",
            "first": pattern.first,
            "last": pattern.last,
            "where": pattern.where,
            "text": pattern.text,
            "why": list(pattern.why),
            "sample": pattern.sample,
        }
        for pattern in patterns
    ]


def to_json(patterns: Sequence[FoundPattern], total: int, *, source: str) -> str:
    """Return the analysis as JSON: ``source``, ``total``, ``patterns``."""
    return json.dumps(
        {"source": source, "total": total, "patterns": rows(patterns, total)}, ensure_ascii=False, indent=1
    )


def to_csv(patterns: Sequence[FoundPattern], total: int) -> str:
    """Return the patterns as CSV with a header; cells that a spreadsheet would run are quoted with ``'``."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows(patterns, total):
        writer.writerow([_safe_cell(row[column]) for column in _COLUMNS])
    return out.getvalue()


def _safe_cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_RISKY_STARTS) else value


def to_html(patterns: Sequence[FoundPattern], total: int, *, source: str) -> str:
    """Return one page that needs nothing else: no script, no request."""
    body = "\n".join(_row(row, patterns[0].count) for row in rows(patterns, total))
    title = html.escape(f"Patterns in {source}")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{title}</h1><p>{total:,} {plural(total, 'error')}, "
        f"{len(patterns):,} {plural(len(patterns), 'pattern')}.</p>"
        '<table><thead><tr><th class="n">Count</th><th class="n">Share</th><th>Severity</th><th>Pattern</th>'
        f"<th>First</th><th>Last</th></tr></thead><tbody>\n{body}\n</tbody></table></body></html>\n"
    )


def _row(row: dict[str, object], largest: int) -> str:
    cells = {name: html.escape(str(row[name])) for name in ("severity", "first", "last", "where", "sample")}
    text = html.escape(str(row["text"])).replace("&lt;*&gt;", "<mark>&lt;*&gt;</mark>")
    width = 100.0 * int(str(row["count"])) / largest
    where = f"<div><small>{cells['where']}</small></div>" if cells["where"] else ""
    return (
        f'<tr><td class="n">{row["count"]:,}<div class="bar" style="width:{width:.1f}%"></div></td>'
        f'<td class="n">{float(str(row["share"])):.1%}</td><td>{cells["severity"]}</td>'
        f"<td><code>{text}</code>{where}"
        f"<details><summary>Sample</summary><pre>{cells['sample']}</pre></details></td>"
        f"<td>{cells['first']}</td><td>{cells['last']}</td></tr>"
    )
