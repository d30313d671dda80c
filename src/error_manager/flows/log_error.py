"""Groups the stack trace of a log record by the fingerprint of the server (seed box: Pattern Matcher)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from error_manager.core.cataloger import catalog
from error_manager.core.types import ErrorEvent, EventId
from error_manager.decoding.stacktext.reader import parse_trace

_NO_ID: Final = EventId("0" * 32)
_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceGroup:
    """The group of a trace: 32 hexadecimal digits, and how it is shown."""

    id: str
    title: str
    where: str
    why: tuple[str, ...]


def group_trace(text: str, message: str) -> TraceGroup | None:
    """Return the group of the trace in a text, or None when there is no frame to go by.

    Args:
        text: the lines of the record without their headers.
        message: of the record, used when the trace has no exception.
    """
    trace = parse_trace(text)
    if trace is None or not (trace.frames or any(each.frames for each in trace.exceptions)):
        return None
    entry = catalog(
        ErrorEvent(
            event_id=_NO_ID,
            timestamp=_NO_TIME,
            message=message,
            platform=trace.platform,
            exceptions=trace.exceptions,
            frames=trace.frames,
        )
    )
    has_value = bool(trace.exceptions and trace.exceptions[-1].value and entry.template)
    return TraceGroup(
        id=entry.fingerprint.hash[:32],
        title=f"{entry.title}: {entry.template}" if has_value else entry.title,
        where=entry.culprit or entry.module,
        why=entry.fingerprint.parts,
    )
