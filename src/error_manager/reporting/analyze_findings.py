"""Words and rows for what an offline analysis found beyond patterns (seed box: Report Generator)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Final

from error_manager.analysis.log_finding import Advice, Follows, LogFindings, Stretch, StretchKind
from error_manager.core.wording import number, span

FINDING_COLUMNS: Final = (
    "kind", "pattern", "text", "other", "other_text", "start", "end", "score", "lag_s", "support",
    "occasions", "per_hour", "usual_per_hour", "risk", "family", "action", "reason", "checks",
)  # fmt: skip
_NAMES: Final = {
    StretchKind.BURST: "burst",
    StretchKind.SILENCE: "silence",
    StretchKind.RISE: "risen",
    StretchKind.FALL: "fallen",
}


def findings_object(findings: LogFindings) -> dict[str, object]:
    """Return the findings as plain values; times are ISO 8601 in UTC."""
    return {
        "note": findings.note,
        "follows": [
            {**asdict(each), "lag_s": round(each.lag_s, 3), "base_share": round(each.base_share, 6)}
            | {"lag_spread_s": [round(quartile, 3) for quartile in each.lag_spread_s]}
            for each in findings.follows
        ],
        "stretches": [
            {
                "pattern": each.pattern,
                "kind": each.kind.value,
                "start": _iso(each.start_s),
                "end": _iso(each.end_s),
                "per_hour": round(each.per_hour, 4),
                "usual_per_hour": round(each.usual_per_hour, 4),
                "is_open": each.is_open,
            }
            for each in findings.stretches
        ],
        "advice": [asdict(each) for each in findings.advice],
    }


def finding_rows(findings: LogFindings, texts: Mapping[str, str]) -> Iterator[dict[str, object]]:
    """Yield one row per finding with all ``FINDING_COLUMNS``; cells that say nothing are ""."""
    empty: dict[str, object] = dict.fromkeys(FINDING_COLUMNS, "")
    for pair in findings.follows:
        yield empty | {
            "kind": "follows",
            "pattern": pair.effect,
            "text": texts[pair.effect],
            "other": pair.cause,
            "other_text": texts[pair.cause],
            "score": pair.score,
            "lag_s": round(pair.lag_s, 3),
            "support": pair.support,
            "occasions": pair.occasions,
        }
    for stretch in findings.stretches:
        yield empty | {
            "kind": stretch.kind.value,
            "pattern": stretch.pattern,
            "text": texts[stretch.pattern],
            "start": _iso(stretch.start_s),
            "end": _iso(stretch.end_s),
            "per_hour": round(stretch.per_hour, 4),
            "usual_per_hour": round(stretch.usual_per_hour, 4),
        }
    for advice in findings.advice:
        yield empty | {
            "kind": "advice",
            "pattern": advice.pattern,
            "text": texts[advice.pattern],
            "risk": advice.risk,
            "family": advice.family,
            "score": advice.confidence,
            "action": advice.action,
            "reason": advice.reason,
            "checks": "; ".join(advice.checks),
        }


def lag_text(pair: Follows) -> str:
    """Return how much later the effect comes: ``4 s later``, with quartiles where they differ."""
    middle, (lower, upper) = _span(pair.lag_s), map(_span, pair.lag_spread_s)
    return f"{middle} later" if lower == upper else f"{middle} later ({lower} to {upper})"


def stretch_name(stretch: Stretch) -> str:
    """Return the kind of a stretch in a word."""
    return _NAMES[stretch.kind]


def rate_text(stretch: Stretch) -> str:
    """Return the rate of a stretch and what is usual: ``120 an hour, usually 4``."""
    if stretch.kind is StretchKind.SILENCE:
        return f"none, usually {number(stretch.usual_per_hour)} an hour"
    return f"{number(stretch.per_hour)} an hour, usually {number(stretch.usual_per_hour)}"


def time_text(stretch: Stretch) -> str:
    """Return from when to when a stretch lasted and for how long; times are UTC."""
    start, end = _moment(stretch.start_s), _moment(stretch.end_s)
    length = span(end - start)
    if stretch.is_open:
        return f"{start:%Y-%m-%d %H:%M} to the end ({length})"
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M} to {until} ({length})"


def family_text(advice: Advice) -> str:
    """Return the family and by what it was told, "" for none."""
    return f"{advice.family}: {advice.why}" if advice.family and advice.why else advice.family


def _span(seconds: float) -> str:
    return f"{seconds:.1f} s" if 1 <= seconds < 10 else span(timedelta(seconds=seconds))


def _moment(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def _iso(at_s: float) -> str:
    return _moment(at_s).isoformat(timespec="seconds")
