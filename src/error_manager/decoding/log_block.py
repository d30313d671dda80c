"""Where a block of a log file can be cut so that no record is torn (seed box: Pattern Analyzer)."""

from __future__ import annotations

from typing import Final

from error_manager.decoding.log_line import CARRIERS, split_line
from error_manager.decoding.log_trace import is_piece
from error_manager.decoding.log_wrapper import unwrap

_LOOK_BACK_LINES: Final = 500
_LOOK_BACK_CHARS: Final = 262_144
_SURE_FORMATS: Final = frozenset(
    {"json", "logfmt", "access", "klog", "postgres", "time-level", "python", "windows"}
)


def cut_at_record(block: bytes) -> int:
    """Return the place of the last line that surely begins a record, else the end of the last whole line.

    Args:
        block: begins with a record, may end anywhere.

    Returns:
        0 when the block has no whole line, or one record alone.
    """
    whole = block.rfind(b"\n") + 1
    end = whole
    for _ in range(_LOOK_BACK_LINES):
        start = block.rfind(b"\n", 0, max(0, end - 1)) + 1
        if end == 0 or whole - start > _LOOK_BACK_CHARS:
            break
        if _begins_record(block[start:end]):
            return start
        end = start
    return whole


def _begins_record(line: bytes) -> bool:
    wrapped = unwrap(line[:4_096].decode("utf-8", "replace").rstrip("\r\n"))
    parts = split_line(wrapped.content)
    if parts.format in _SURE_FORMATS or (parts.format and parts.time):
        return parts.format not in CARRIERS or not is_piece(parts.message)
    return False
