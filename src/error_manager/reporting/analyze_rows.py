"""Writes which pattern each line or error of an offline analysis has, as CSV (seed box: Report Generator)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator


def assignment_lines(rows: Iterable[tuple[int, str, str]]) -> Iterator[str]:
    """Yield the lines of a CSV file with ``LineId,EventId,EventTemplate``.

    Args:
        rows: number of the line, pattern, template; the template of a pattern is always the same.
    """
    yield "LineId,EventId,EventTemplate\n"
    endings: dict[str, str] = {}  # quoting each row anew takes four times as long
    for number, key, text in rows:
        ending = endings.get(key)
        if ending is None:
            ending = endings[key] = _csv(key, text)
        yield f"{number},{ending}"


def group_lines(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the lines of a CSV file with ``id,group``."""
    yield "id,group\n"
    for row in rows:
        yield _csv(*row)


def _csv(*cells: str) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()
