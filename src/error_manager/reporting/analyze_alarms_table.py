"""Draws what an offline analysis found in alarms for a terminal (seed box: Report Generator)."""

from __future__ import annotations

from error_manager.analysis.alarm_finding import AlarmFindings
from error_manager.reporting.analyze_alarms import alarms_text, lift_text, notes, reported, trust_text
from error_manager.reporting.analyze_table import cut, printable, styled


def render_alarms(found: AlarmFindings, *, top: int, width: int, is_styled: bool) -> str:
    """Return what was read, how far the order was trusted, and one line per pair, the best first.

    Args:
        found: masked.
        top: pairs to show.
        width: of the terminal in characters; lines are cut to it.
        is_styled: with colors.
    """
    lines = [f"{found.source}: {alarms_text(found)}", *notes(found)]
    pairs = found.graph.edges[:top]
    if pairs:
        shown = f"; the {len(pairs):,} best:" if len(pairs) < len(found.graph.edges) else ":"
        told = f"{len(reported(found)):,} of {len(found.graph.edges):,} pairs are reported (*){shown}"
        lines += [trust_text(found), told, ""]
    lines = [cut(printable(line), width) for line in lines]
    if pairs:
        head = f"  {'score':>5}  {'together':>9}  {'cause first':>11}  {'direct':>6}  cause -> effect"
        lines.append(styled(cut(head, width), "1", is_on=is_styled))
    for edge in pairs:
        mark = "*" if edge.is_reported else " "
        line = (
            f"{mark} {edge.score:>5.2f}  {'x ' + lift_text(edge):>9}  {edge.lead_share:>11.0%}  "
            f"{edge.direct_share:>6.0%}  {found.kinds[edge.cause]} -> {found.kinds[edge.effect]}"
        )
        lines.append(styled(cut(printable(line), width), "1", is_on=is_styled and edge.is_reported))
    return "\n".join(lines)
