"""Writes the result of an offline analysis as JSON and CSV (seed box: Report Generator)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from error_manager.analysis.found import FoundPattern, FoundPatterns
from error_manager.analysis.log_finding import LogFindings
from error_manager.reporting.analyze_findings import FINDING_COLUMNS, finding_rows, findings_object

_COLUMNS: Final = (
    "id", "count", "share", "severity", "marks", "first", "last", "where", "text", "sample"
)  # fmt: skip
_RISKY_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would run a cell that starts with one of these (OWASP, CSV injection)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What was found in an input.

    ``total`` counts ``unit`` (records of a log, errors); ``series`` are counts per slice of the time range,
    from minute ``start`` to minute ``end`` since 1970 (None: no times). ``overflowed`` were not kept apart.
    ``findings`` is None when nobody asked for more than patterns.
    """

    source: str
    unit: str
    total: int
    lines: int
    patterns: tuple[FoundPattern, ...]
    series: tuple[int, ...]
    start: int | None
    end: int | None
    overflowed: int
    findings: LogFindings | None = None

    @classmethod
    def of(cls, found: FoundPatterns, *, source: str, unit: str, lines: int = 0) -> Self:
        """Return what was found, the most frequent pattern first."""
        return cls(
            source=source,
            unit=unit,
            total=found.total,
            lines=lines,
            patterns=tuple(found.ranked()),
            series=tuple(found.series()),
            start=found.range.first,
            end=found.range.last,
            overflowed=found.overflowed,
        )

    def masked(self, mask: Callable[[str], str], *, limit: int | None = None) -> Self:
        """Return it with texts and samples masked, of the first ``limit`` patterns (None: of all)."""
        patterns = [
            replace(pattern, text=mask(pattern.text), samples=[mask(sample) for sample in pattern.samples])
            for pattern in self.patterns[:limit]
        ]
        return replace(self, patterns=(*patterns, *self.patterns[len(patterns) :]))

    def share(self, pattern: FoundPattern) -> float:
        """Return the part of everything read that is of a pattern (0..1)."""
        return pattern.count / self.total if self.total else 0.0


def rows(analysis: Analysis) -> list[dict[str, object]]:
    """Return one object per pattern; ``share`` is its part of everything read (0..1)."""
    return [
        {
            "id": pattern.id,
            "count": pattern.count,
            "share": round(analysis.share(pattern), 6),
            "severity": pattern.severity.value if pattern.severity else "",
            "marks": list(pattern.marks),
            "first": pattern.first,
            "last": pattern.last,
            "where": pattern.where,
            "text": pattern.text,
            "why": list(pattern.why),
            "series": list(pattern.series),
            "sample": pattern.sample,
            "samples": pattern.samples,
        }
        for pattern in analysis.patterns
    ]


def to_json(analysis: Analysis) -> str:
    """Return the analysis as JSON: ``source``, ``total``, ``series``, ``patterns``, ``findings``."""
    found: dict[str, object] = {
        "source": analysis.source,
        "unit": analysis.unit,
        "total": analysis.total,
        "lines": analysis.lines,
        "overflowed": analysis.overflowed,
        "series": analysis.series,
        "patterns": rows(analysis),
    }
    if analysis.findings is not None:
        found["findings"] = findings_object(analysis.findings)
    return json.dumps(found, ensure_ascii=False, indent=1)


def to_csv(analysis: Analysis) -> str:
    """Return the patterns as CSV with a header; cells that a spreadsheet would run are quoted with ``'``."""
    return csv_text(_COLUMNS, rows(analysis))


def findings_to_csv(analysis: Analysis) -> str:
    """Return what was found beyond patterns as CSV, one finding per row; cells as in ``to_csv``."""
    found = finding_rows(
        analysis.findings or LogFindings(), {each.id: each.text for each in analysis.patterns}
    )
    return csv_text(FINDING_COLUMNS, found)


def csv_text(columns: Sequence[str], found: Iterable[Mapping[str, object]]) -> str:
    """Return rows as CSV with a header; cells that a spreadsheet would run are quoted with ``'``."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in found:
        writer.writerow([_safe_cell(row[column]) for column in columns])
    return out.getvalue()


def _safe_cell(value: object) -> object:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " ".join(map(str, value))
    return f"'{value}" if isinstance(value, str) and value.startswith(_RISKY_STARTS) else value
