"""Splits a line of a log file into time, level, source and message (seed box: Pattern Analyzer)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from error_manager.core.types import Severity

_CLOCK: Final = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
_TIME: Final = (
    rf"(?P<time>[0-9]{{4}}[-/][0-9]{{2}}[-/][0-9]{{2}}[T ,]{_CLOCK}(?: ?Z| ?[+-][0-9]{{2}}:?[0-9]{{2}})?"
    rf"|[0-9]{{2}}/[0-9]{{2}}/[0-9]{{2,4}} {_CLOCK}"
    r"|[0-9]{6} [0-9]{6}"
    rf"|(?:[A-Z][a-z]{{2}} )?[A-Z][a-z]{{2}} {{1,2}}[0-9]{{1,2}} (?:[0-9]{{4}} )?{_CLOCK}(?: [0-9]{{4}})?"
    rf"|[0-9]{{2}}/[A-Z][a-z]{{2}}/[0-9]{{4}}:{_CLOCK}(?: [+-][0-9]{{4}})?)"
)
_LEVEL: Final = (
    r"(?P<level>(?i:trace|debug|information|info|notice|warning|warn|error|err|severe|critical|crit|fatal|emerg"
    r"|alert|panic))"
)
_BRACKETS: Final = r"(?:\[[^\]]{0,120}\] ?|\([^)]{0,120}\) ?|[0-9]+#[0-9]+: |--- )*"
_SOURCE: Final = r"(?:(?P<source>[\w$./<>-]{2,120}(?:\[[0-9]+\])?)(?: *:| -| \|)? (?<=[:\-|] ))?"
_KLOG: Final = (  # Go's klog: E1123 10:00:00.000000  12 file.go:34] message
    r"^(?P<level>[IWEF])(?P<time>[0-9]{4} [0-9:.]{8,15}) +[0-9]+ (?P<source>[\w./-]+):[0-9]+\] "
    r"(?P<message>.*)$"
)
_TIME_LEVEL: Final = (  # time [level] [thread] source: message
    rf"^\[?{_TIME}\]?[ ,]*(?:[|-] )?(?:[0-9]+ )?(?:\[[^\]]{{0,80}}\] )??"
    rf"[\[(]?(?:[\w-]+:)?\b{_LEVEL}\b[\])]?:? *(?:[|-] )?{_BRACKETS}{_SOURCE}(?:- )?(?P<message>.*)$"
)
_SYSLOG: Final = (
    rf"^(?:<[0-9]{{1,3}}>)?{_TIME} [\w.:-]+ (?P<source>[\w./() -]{{1,60}})(?:\[[0-9]+\])?: (?P<message>.*)$"
)
_FORMATS: Final = (
    re.compile(_KLOG),
    re.compile(_TIME_LEVEL),
    re.compile(_SYSLOG),
    re.compile(rf"^{_LEVEL}:(?P<source>[\w.]+):(?P<message>.*)$"),  # Python's basicConfig
    re.compile(rf"^[\[(]?{_LEVEL}[\])]?(?::| -)? +(?P<message>.*)$"),
    re.compile(rf"^\[?{_TIME}\]?:? +(?:- )?(?P<message>.*)$"),
)
_SEVERITIES: Final = {
    "trace": Severity.DEBUG, "debug": Severity.DEBUG, "d": Severity.DEBUG, "info": Severity.INFO,
    "information": Severity.INFO, "notice": Severity.INFO, "i": Severity.INFO, "warn": Severity.WARNING,
    "warning": Severity.WARNING, "w": Severity.WARNING, "error": Severity.ERROR, "err": Severity.ERROR,
    "severe": Severity.ERROR, "e": Severity.ERROR, "critical": Severity.CRITICAL,
    "crit": Severity.CRITICAL, "alert": Severity.CRITICAL, "f": Severity.FATAL, "fatal": Severity.FATAL,
    "emerg": Severity.FATAL, "panic": Severity.FATAL,
}  # fmt: skip
_CONTINUED: Final = re.compile(
    r"^(?:\s+\S|Traceback \(most recent call last\)|Caused by: |\.\.\. [0-9]+ (?:more|common)|\}"
    r"|During handling of)"
)
_EXCEPTION: Final = re.compile(r"^[\w.$]{1,200}(?:Error|Exception|Warning|Interrupt)(?:: |$)")
_MESSAGE_KEYS: Final = ("message", "msg", "@message", "event", "text", "error")
_LEVEL_KEYS: Final = ("level", "severity", "levelname", "log.level", "lvl")
_TIME_KEYS: Final = ("timestamp", "time", "@timestamp", "ts", "asctime", "date")
_SOURCE_KEYS: Final = ("logger", "name", "module", "component", "service")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line: its message, and what its header said ("" or None where it said nothing)."""

    message: str
    time: str = ""
    source: str = ""
    severity: Severity | None = None


def is_continuation(line: str, *, has_times: bool) -> bool:
    """Return whether a line belongs to the record before it: indented text, the frames and end of a trace.

    ``has_times``: that record began with a time, so that the type of an exception begins no record.
    """
    return _CONTINUED.match(line) is not None or (has_times and _EXCEPTION.match(line) is not None)


def split_line(line: str) -> LogLine:
    """Return the parts of a line in one of the usual formats or JSON; the whole line when none fits."""
    if line.startswith("{") and (found := _from_json(line)) is not None:
        return found
    for form in _FORMATS:
        match = form.match(line)
        if match is not None and (message := match["message"].strip()):
            parts = match.groupdict()
            return LogLine(
                message=message,
                time=parts.get("time") or "",
                source=(parts.get("source") or "").strip(),
                severity=_SEVERITIES.get((parts.get("level") or "").lower()),
            )
    return LogLine(message=line.strip())


def _from_json(line: str) -> LogLine | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not (message := _first(value, _MESSAGE_KEYS)):
        return None
    return LogLine(
        message=message,
        time=_first(value, _TIME_KEYS),
        source=_first(value, _SOURCE_KEYS),
        severity=_SEVERITIES.get(_first(value, _LEVEL_KEYS).lower()),
    )


def _first(value: Mapping[str, object], keys: tuple[str, ...]) -> str:
    return next((str(value[key]) for key in keys if isinstance(value.get(key), (str, int, float))), "")
