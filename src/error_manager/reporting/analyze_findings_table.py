"""Draws what an offline analysis found beyond patterns for a terminal (seed box: Report Generator)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from error_manager.analysis.log_finding import LogFindings
from error_manager.reporting.analyze import Analysis
from error_manager.reporting.analyze_findings import (
    family_text,
    lag_text,
    rate_text,
    stretch_name,
    time_text,
)
from error_manager.reporting.analyze_table import cut, printable, styled

_MOST: Final = 10
"""Rows of each kind; all are in the report."""


def render_findings(analysis: Analysis, *, width: int, is_styled: bool) -> str:
    """Return what was found under headings, "" when there is nothing to tell.

    Args:
        analysis: with masked texts and its findings.
        width: of the terminal in characters; texts are cut to it.
        is_styled: with colors.
    """
    findings = analysis.findings or LogFindings()
    texts = {pattern.id: printable(pattern.text) for pattern in analysis.patterns}
    sections = [
        ("What follows what", list(_follows(findings, texts, width))),
        ("Unusual stretches (UTC)", list(_stretches(findings, texts, width))),
        ("What to do", list(_advice(findings, texts, width))),
    ]
    blocks = ["\n".join([styled(title, "1", is_on=is_styled), *lines]) for title, lines in sections if lines]
    return "\n\n".join([*blocks, *([findings.note] if findings.note else [])])


def _follows(findings: LogFindings, texts: dict[str, str], width: int) -> Iterator[str]:
    for pair in findings.follows[:_MOST]:
        yield cut(f"  {texts[pair.cause]}", width)
        times = f"{pair.support} of {pair.occasions} times"
        yield cut(f"    -> {texts[pair.effect]}", width)
        yield f"       {lag_text(pair)}, {times}, score {pair.score:.2f}"
    yield from _rest(len(findings.follows))


def _stretches(findings: LogFindings, texts: dict[str, str], width: int) -> Iterator[str]:
    for stretch in findings.stretches[:_MOST]:
        yield cut(f"  {stretch_name(stretch):8}{texts[stretch.pattern]}", width)
        yield f"          {time_text(stretch)}: {rate_text(stretch)}"
    yield from _rest(len(findings.stretches))


def _advice(findings: LogFindings, texts: dict[str, str], width: int) -> Iterator[str]:
    for advice in findings.advice[:_MOST]:
        yield cut(f"  {texts[advice.pattern]}", width)
        if advice.family:
            yield cut(f"    is   {printable(family_text(advice))}", width)
        yield cut(f"    do   {printable(advice.action)}", width)
        if not advice.is_check:
            yield cut(f"    why  {printable(advice.reason)}", width)
        for check in advice.checks:
            yield cut(f"         {printable(check)}", width)
    yield from _rest(len(findings.advice))


def _rest(count: int) -> Iterator[str]:
    if count > _MOST:
        yield f"  ... and {count - _MOST} more: --report has them"
