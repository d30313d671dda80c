"""What a demo planted and when, kept in a file: for whoever checks an analysis, and for going on later."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from error_manager.runtime.demo.faults import FAULTS
from error_manager.runtime.demo.schedule import DAYS, incidents


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From when (midnight UTC) to when a demo lasts."""

    start: datetime
    end: datetime


def span_until(now: datetime) -> Span:
    """Return the fourteen days that end with today, up to the hour that has begun."""
    end = now.replace(minute=0, second=0, microsecond=0)
    return Span(start=end.replace(hour=0) - timedelta(days=DAYS - 1), end=end)


def name_of(span: Span, *, seed: int, asked: int) -> str:
    """Return what tells the ids of this demo from those of any other."""
    return f"{seed}:{asked}:{span.start.isoformat()}"


def known_span(path: Path, *, seed: int, asked: int, since: datetime) -> Span | None:
    """Return the span of a demo that was begun before with these numbers, None when there is none.

    Args:
        path: of the file that ``write_truth`` wrote.
        seed: of the demo.
        asked: number of errors.
        since: what happened earlier than this is not kept any more.
    """
    try:
        truth = json.loads(path.read_text(encoding="utf-8"))
        found = Span(start=datetime.fromisoformat(truth["start"]), end=datetime.fromisoformat(truth["end"]))
        is_same = (truth["seed"], truth["asked"]) == (seed, asked)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if is_same and found.start >= since else None


def write_truth(path: Path, span: Span, *, seed: int, asked: int, errors: int) -> None:
    """Write what is planted, as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    truth = {
        "start": span.start.isoformat(),
        "end": span.end.isoformat(),
        "seed": seed,
        "asked": asked,
        "errors": errors,
        "risk_ranks": {fault.key: fault.risk_rank for fault in FAULTS},
        "incidents": [incident.to_json() for incident in incidents(span.start)],
    }
    path.write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
