"""Words and rows for what an offline analysis found in alarms (seed box: Report Generator)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from error_manager.analysis.alarm_finding import AlarmFindings
from error_manager.analysis.causality import Edge
from error_manager.core.wording import plural, span
from error_manager.reporting.analyze import csv_text
from error_manager.reporting.analyze_words import range_text, unread_text

_COLUMNS: Final = (
    "cause", "effect", "reported", "score", "lift", "cause_first_share", "direct_share", "direction",
    "excess", "causes", "effects",
)  # fmt: skip


def pairs_to_csv(found: AlarmFindings) -> str:
    """Return all pairs, the best first, as CSV; cells that a spreadsheet would run are quoted with ``'``."""
    return csv_text(
        _COLUMNS,
        (
            {
                "cause": found.kinds[edge.cause],
                "effect": found.kinds[edge.effect],
                "reported": int(edge.is_reported),
                "score": round(edge.score, 6),
                "lift": round(edge.lift, 4),
                "cause_first_share": round(edge.lead_share, 4),
                "direct_share": round(edge.direct_share, 4),
                "direction": round(edge.direction, 4),
                "excess": round(edge.excess, 4),
                "causes": found.counts[edge.cause],
                "effects": found.counts[edge.effect],
            }
            for edge in found.graph.edges
        ),
    )


def reported(found: AlarmFindings) -> list[Edge]:
    """Return the pairs that are reported, the best first."""
    return [edge for edge in found.graph.edges if edge.is_reported]


def alarms_text(found: AlarmFindings) -> str:
    """Return how many alarms of what were read."""
    time, kind, place = found.columns
    kinds, places = len(found.kinds), found.places
    return (
        f"{found.total:,} {plural(found.total, 'alarm')} of {kinds:,} {plural(kinds, 'kind')} ({kind}) in "
        f"{places:,} {plural(places, 'place')} ({place}), {range_text(found.start_s, found.end_s)}, "
        f"times from {time}"
    )


def trust_text(found: AlarmFindings) -> str:
    """Return how far the order in time was trusted."""
    trust = found.graph.order_trust
    tick = span(timedelta(seconds=found.graph.tick_s)) if found.graph.tick_s else "none"
    return (
        f"Clock tick: {tick}. The order in time decided {trust:.0%} of the direction, and which kind is seen "
        f"alone {1 - trust:.0%}."
    )


def notes(found: AlarmFindings) -> Iterator[str]:
    """Yield what was not compared."""
    if found.incomplete.count:
        yield unread_text(found.incomplete, "without a time, kind or place")
    if found.left_out:
        yield (
            f"{found.left_out:,} {plural(found.left_out, 'alarm')} of rarer kinds not compared: only the "
            f"{len(found.kinds):,} most frequent kinds are"
        )
    if len(found.kinds) < 2:
        yield "one kind alone: there is nothing to compare it with"


def lift_text(edge: Edge) -> str:
    """Return how many times more often two kinds are together than apart."""
    return f"{edge.lift:,.0f}" if edge.lift >= 9.95 else f"{edge.lift:.1f}"
