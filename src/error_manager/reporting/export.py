"""Writes a report as JSON and CSV (seed box: Export Manager)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from error_manager.reporting.generator import PatternLine, Report

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS: Final = (
    "pattern_id", "project_id", "title", "message", "module", "error_code", "severity", "status", "count",
    "previous_count", "share", "risk", "users", "first_seen", "last_seen", "first_release", "last_release",
)  # fmt: skip


def to_json(report: Report) -> bytes:
    """Return the report as JSON, with every pattern of the range."""
    values = {
        "title": report.title,
        "since": _time(report.since),
        "until": _time(report.until),
        "generated_at": _time(report.generated_at),
        "projects": list(report.projects),
        "total_errors": report.total,
        "previous_total_errors": report.previous_total,
        "unique_patterns": report.patterns,
        "outcomes": {kind.value: count for kind, count in report.outcomes.items()},
        "history": [{"start": _time(point.start), "count": point.count} for point in report.history],
        "patterns": [_values(line) for line in report.all_lines],
        "new": _ids(report.new),
        "regressed": _ids(report.regressed),
        "rising": _ids(report.rising),
        "riskiest": _ids(report.riskiest),
        "insights": [{"kind": one.kind, "at": _time(one.at), "text": one.text} for one in report.insights],
    }
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def to_csv(report: Report) -> bytes:
    """Return one row per pattern; UTF-8 with a byte order mark, which spreadsheets need to see it as such."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for line in report.all_lines:
        values = _values(line)
        writer.writerow([_cell(values[column]) for column in _COLUMNS])
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8", "replace")


def _values(line: PatternLine) -> dict[str, object]:
    pattern = line.pattern
    return {
        "pattern_id": pattern.id,
        "project_id": pattern.project_id,
        "title": pattern.title,
        "message": pattern.message,
        "module": pattern.module,
        "error_code": pattern.error_code,
        "severity": pattern.severity.value,
        "status": pattern.status.value,
        "count": line.count,
        "previous_count": line.previous,
        "share": round(line.share, 6),
        "risk": None if line.risk is None else round(line.risk, 1),
        "users": pattern.users,
        "first_seen": _time(pattern.first_seen),
        "last_seen": _time(pattern.last_seen),
        "first_release": pattern.first_release,
        "last_release": pattern.last_release,
    }


def _ids(lines: Sequence[PatternLine]) -> list[int]:
    return [line.pattern.id for line in lines]


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _cell(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula (OWASP, "CSV Injection")."""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return value
