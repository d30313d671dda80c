"""Draws the result of an offline analysis as a table for a terminal (seed box: Report Generator)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from error_manager.analysis.found import FoundPattern
from error_manager.analysis.timeline import sparkline
from error_manager.reporting.analyze import Analysis

_SPARK: Final = 20
_MARKS: Final = 8
_LEAST_TEXT: Final = 20
_SEVERITY_STYLES: Final = {"error": "31", "critical": "1;31", "fatal": "1;31", "warning": "33"}


def render_table(analysis: Analysis, *, top: int, samples: int, width: int, is_styled: bool) -> str:
    """Return a heading and one line per pattern.

    Args:
        analysis: with masked texts.
        top: patterns to show.
        samples: lines to show below each.
        width: of the terminal in characters; texts are cut to it.
        is_styled: with colors.
    """
    patterns = analysis.patterns[:top]
    lines = [_heading(analysis, len(patterns))]
    if not patterns:
        return lines[0]
    has_series = len(analysis.series) > 1
    times = max(len(pattern.first) for pattern in patterns) if width >= 100 else 0
    latest = max(len(pattern.last) for pattern in patterns) if width >= 150 else 0
    head = (
        f"{'count':>9} {'share':>6} {'severity':8} {'marks':{_MARKS}} "
        + (f"{'timeline':{_SPARK}} " if has_series else "")
        + (f"{'first seen':{times}} " if times else "")
        + (f"{'last seen':{latest}} " if latest else "")
        + " pattern"
    )
    lines += ["", styled(head, "1", is_on=is_styled)]
    for pattern in patterns:
        start = _start(analysis, pattern, has_series=has_series, is_styled=is_styled)
        start += f"{pattern.first:{times}} " if times else ""
        start += f"{pattern.last:{latest}} " if latest else ""
        room = max(_LEAST_TEXT, width - len(_unstyled(head)) + len(" pattern") - 1)
        lines.append(f"{start} {_text(pattern, room, is_styled=is_styled)}")
        lines += [f"{'':>10}| {printable(line)[: width - 12]}" for line in _samples(pattern, samples)]
    return "\n".join(lines)


def render_new(pattern: FoundPattern, mask: Callable[[str], str]) -> str:
    """Return one line that tells of a pattern seen for the first time."""
    severity = pattern.severity.value if pattern.severity else ""
    return " ".join(part for part in ("new", pattern.first, severity, printable(mask(pattern.text))) if part)


def _heading(analysis: Analysis, shown: int) -> str:
    text = f"{analysis.total:,} {analysis.unit}, {len(analysis.patterns):,} patterns"
    if analysis.lines:
        text += f", {analysis.lines:,} lines"
    if shown:
        text += f"; the {shown} most frequent:"
    if analysis.overflowed:
        text += (
            f"\n{analysis.overflowed:,} {analysis.unit} are of further patterns, counted together as 'other'"
        )
    return text


def _start(analysis: Analysis, pattern: FoundPattern, *, has_series: bool, is_styled: bool) -> str:
    severity = pattern.severity.value if pattern.severity else ""
    style = _SEVERITY_STYLES.get(severity, "")
    named = styled(f"{severity:8}", style, is_on=is_styled and bool(style))
    marks = styled(f"{','.join(pattern.marks):{_MARKS}}", "36", is_on=is_styled and bool(pattern.marks))
    text = f"{pattern.count:>9,} {analysis.share(pattern):>6.1%} {named} {marks} "
    return text + (f"{sparkline(_shrunk(pattern.series)):{_SPARK}} " if has_series else "")


def _shrunk(series: Sequence[int]) -> list[int]:
    """Return the counts in at most ``_SPARK`` slices."""
    size = min(_SPARK, len(series))
    slices = [0] * size
    for place, count in enumerate(series):
        slices[place * size // len(series)] += count
    return slices


def _text(pattern: FoundPattern, room: int, *, is_styled: bool) -> str:
    named = f"{pattern.text}  {pattern.where}" if pattern.where and pattern.why else pattern.text
    text = printable(named)
    text = text if len(text) <= room else f"{text[: room - 1]}…"
    return text.replace("<*>", styled("<*>", "33", is_on=is_styled))


def _samples(pattern: FoundPattern, limit: int) -> list[str]:
    return [line for sample in pattern.samples[:limit] for line in sample.split("\n")]


def printable(text: str) -> str:
    """Return the text without what a terminal would obey: control characters and reversed writing."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def cut(text: str, width: int) -> str:
    """Return the text, cut to the width of a terminal."""
    room = max(_LEAST_TEXT, width)
    return text if len(text) <= room else f"{text[: room - 1]}…"


def styled(text: str, code: str, *, is_on: bool) -> str:
    """Return the text in a style of terminals."""
    return f"\x1b[{code}m{text}\x1b[0m" if is_on else text


def _unstyled(text: str) -> str:
    return text.removeprefix("\x1b[1m").removesuffix("\x1b[0m")
