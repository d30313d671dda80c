"""Splits a line of a log file into time, level, source and message (seed box: Pattern Analyzer).

The formats are tried in a fixed order, the most telling first. Digits are matched as a class everywhere, so
that two lines which differ in digits alone are split at the same places; the analysis of files relies on it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from error_manager.core.types import Severity

_CLOCK: Final = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?"
_ZONE: Final = r"(?: ?Z| ?[+-][0-9]{2}:?[0-9]{2})?"
_ISO: Final = rf"[0-9]{{4}}[-/][0-9]{{2}}[-/][0-9]{{2}}[T ,]{_CLOCK}{_ZONE}"
_BSD: Final = rf"[A-Z][a-z]{{2}} {{1,2}}[0-9]{{1,2}} (?:[0-9]{{4}} )?{_CLOCK}(?: [0-9]{{4}})?"
_TIME: Final = (
    rf"(?P<time>{_ISO}"
    rf"|[0-9]{{2}}/[0-9]{{2}}/[0-9]{{2,4}} {_CLOCK}(?: [AP]M)?"
    r"|[0-9]{6} [0-9]{6}"
    rf"|(?:[A-Z][a-z]{{2}} )?{_BSD}"
    rf"|[0-9]{{2}}/[A-Z][a-z]{{2}}/[0-9]{{4}}:{_CLOCK}(?: [+-][0-9]{{4}})?)"
)
_LEVEL: Final = (
    r"(?P<level>(?i:trace|debug|information|info|notice|warning|warn|error|err|severe|critical|crit|fatal|emerg"
    r"|alert|panic))"
)
_BRACKETS: Final = r"(?:\[[^\]]{0,120}\] ?|\([^)]{0,120}\) ?|[0-9]+#[0-9]+: |--- )*"
_SOURCE: Final = r"(?:(?P<source>[\w$./<>-]{2,120}(?:\[[0-9]+\])?)(?: *:| -| \|)? (?<=[:\-|] ))?"
_MESSAGE: Final = r"(?P<message>.*)$"
_ACCESS: Final = (  # common and combined form of nginx and Apache; client and browser are left out
    r"^[\w.:%-]{1,100} \S{1,100} (?:\S{1,100}|\"[^\"]{0,100}\") \[(?P<time>[^\]]{10,40})\] "
    r"(?P<message>\"[^\"]{0,4000}\" (?P<status>[0-9]{3}))(?: .*)?$"
)
_KLOG: Final = (  # Go's klog: E1123 10:00:00.000000  12 file.go:34] message
    r"^(?P<level>[IWEF])(?P<time>[0-9]{4} [0-9:.]{8,15}) +[0-9]+ (?P<source>[\w./-]+):[0-9]+\] " + _MESSAGE
)
_POSTGRES: Final = (
    rf"^(?P<time>{_ISO})(?: [A-Z]{{3,5}})? \[[0-9-]{{1,30}}\](?: [^\s:]{{1,200}})?:? "
    r"(?P<level>LOG|ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|DEBUG[0-9]?|DETAIL|HINT|STATEMENT|CONTEXT): +"
    + _MESSAGE
)
_JVM_UNIFIED: Final = (
    rf"^\[(?P<time>{_ISO}|[0-9.]{{1,20}}m?s)\](?:\[[^\]]{{1,40}}\])?"
    rf"\[{_LEVEL} *\]\[(?P<source>[^\]]{{1,80}})\] {_MESSAGE}"
)
_TIME_LEVEL: Final = (  # time [level] [thread] source: message
    rf"^\[?{_TIME}\]?[ ,]*(?:[|-] )?(?:[0-9]+ )?(?:\[[^\]]{{0,80}}\] )??"
    rf"[\[(]?(?:[\w-]+:)?\b{_LEVEL}\b[\])]?:? *(?:[|-] )?(?:[0-9]+ (?=---))?"
    rf"{_BRACKETS}{_SOURCE}(?:- )?{_MESSAGE}"
)
_PYTHON: Final = (  # time - source - level - message, the form of Python's documentation
    rf"^{_TIME} (?:- )?(?P<source>[\w.$-]{{1,120}}) (?:- )?\[?{_LEVEL}\]?:? (?:- )?{_MESSAGE}"
)
_LOGCAT: Final = (  # threadtime
    r"^(?P<time>[0-9]{2}-[0-9]{2} [0-9:.]{8,15}) +[0-9]+ +[0-9]+ (?P<level>[VDIWEFA]) "
    r"(?P<source>[^:]{1,80}?) *: " + _MESSAGE
)
_LOGCAT_BRIEF: Final = r"^(?P<level>[VDIWEFA])/(?P<source>[^(]{1,80}?) *\( *[0-9]+\): " + _MESSAGE
_SYSLOG_5424: Final = (
    rf"^<(?P<priority>[0-9]{{1,3}})>[0-9]{{1,2}} (?P<time>{_ISO}|-) \S{{1,255}} (?P<source>\S{{1,48}}) "
    r"\S{1,128} \S{1,32} (?:-|(?:\[(?:\"(?:[^\"\\]|\\.)*\"|[^\]\"])*\])+) ?" + _MESSAGE
)
_SYSLOG: Final = (
    rf"^(?:<(?P<priority>[0-9]{{1,3}})>)?(?P<time>{_ISO}|(?:[A-Z][a-z]{{2}} )?{_BSD}) [\w.:-]+ "
    r"(?P<source>[\w./() -]{1,60})(?:\[[0-9]+\])?: " + _MESSAGE
)
_WINDOWS: Final = (  # the event viewer's export: level, time, source, id, task, message
    r"^(?P<level>Information|Warning|Error|Critical|Verbose),(?P<time>[0-9/]{8,10} [0-9:]{7,8}(?: [AP]M)?),"
    r"(?P<source>[^,]{1,120}),[0-9]+,[^,]{0,60},\"?" + _MESSAGE
)
_FORMATS: Final = (
    ("access", re.compile(_ACCESS)),
    ("klog", re.compile(_KLOG)),
    ("postgres", re.compile(_POSTGRES)),
    ("jvm", re.compile(_JVM_UNIFIED)),
    ("time-level", re.compile(_TIME_LEVEL)),
    ("python", re.compile(_PYTHON)),
    ("logcat", re.compile(_LOGCAT)),
    ("logcat", re.compile(_LOGCAT_BRIEF)),
    ("syslog", re.compile(_SYSLOG_5424)),
    ("syslog", re.compile(_SYSLOG)),
    ("windows", re.compile(_WINDOWS)),
    ("level", re.compile(rf"^{_LEVEL}:(?P<source>[\w.]+):{_MESSAGE}")),  # Python's basicConfig
    ("level", re.compile(rf"^[\[(]?{_LEVEL}[\])]?(?::| -)? +{_MESSAGE}")),
    ("time", re.compile(rf"^\[?{_TIME}\]?:? +(?:- )?{_MESSAGE}")),
)
_DIGIT_FIRST: Final = {"access", "postgres", "time-level", "python", "logcat", "syslog", "time"}
_BY_FIRST: Final = {
    "0": tuple((name, form) for name, form in _FORMATS if name in _DIGIT_FIRST),
    "[": tuple((name, form) for name, form in _FORMATS if name in {"jvm", "time-level", "level", "time"}),
    "<": tuple((name, form) for name, form in _FORMATS if name == "syslog"),
    " ": (),
    "\t": (),
}
"""The formats that can begin with a character (0: any digit): 7 instead of 14 attempts for most lines."""
_WORDS_FIRST: Final = tuple((name, form) for name, form in _FORMATS if name not in {"postgres", "jvm"})
CARRIERS: Final = frozenset({"syslog", "logcat"})
"""Formats that carry the lines of another program, each line of its traces with a header of its own."""
_SEVERITIES: Final = {
    "trace": Severity.DEBUG, "verbose": Severity.DEBUG, "debug": Severity.DEBUG, "v": Severity.DEBUG,
    "d": Severity.DEBUG, "info": Severity.INFO, "information": Severity.INFO, "notice": Severity.INFO,
    "log": Severity.INFO, "detail": Severity.INFO, "hint": Severity.INFO, "statement": Severity.INFO,
    "context": Severity.INFO, "i": Severity.INFO, "warn": Severity.WARNING, "warning": Severity.WARNING,
    "w": Severity.WARNING, "error": Severity.ERROR, "err": Severity.ERROR, "severe": Severity.ERROR,
    "e": Severity.ERROR, "critical": Severity.CRITICAL, "crit": Severity.CRITICAL, "alert": Severity.CRITICAL,
    "f": Severity.FATAL, "a": Severity.FATAL, "fatal": Severity.FATAL, "emerg": Severity.FATAL,
    "emergency": Severity.FATAL, "panic": Severity.FATAL, "dpanic": Severity.FATAL,
}  # fmt: skip
_OF_PRIORITY: Final = (
    Severity.FATAL, Severity.CRITICAL, Severity.CRITICAL, Severity.ERROR,
    Severity.WARNING, Severity.INFO, Severity.INFO, Severity.DEBUG,
)  # fmt: skip
"""Source: RFC 5424, 6.2.1: severity = priority modulo 8."""
_OF_TENS: Final = (
    Severity.DEBUG,
    Severity.DEBUG,
    Severity.DEBUG,
    Severity.INFO,
    Severity.WARNING,
    Severity.ERROR,
)
"""Numbers of pino and bunyan: trace 10, debug 20, info 30, warn 40, error 50, fatal 60."""
_MESSAGE_KEYS: Final = ("message", "msg", "@message", "event", "text", "error")
_LEVEL_KEYS: Final = ("level", "severity", "levelname", "log.level", "lvl")
_TIME_KEYS: Final = ("time", "timestamp", "@timestamp", "ts", "asctime", "datetime", "t")
_SOURCE_KEYS: Final = ("logger", "logger_name", "name", "service", "component", "caller", "module")
_TRACE_KEYS: Final = (
    "stack_trace", "stacktrace", "exception", "exc_info", "traceback", "stack", "error.stack_trace",
    "error.stack", "err.stack", "errorVerbose",
)  # fmt: skip
_NUMBER_LEVEL: Final = re.compile(r'"(?:level|severity|lvl|log\.level)" ?: ?(?P<digits>[0-9]{1,3})(?![0-9.])')
_LOGFMT: Final = re.compile(r'(?:^|\s)([\w.@-]{1,60})=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*))')
_LOGFMT_START: Final = re.compile(r"[\w.@-]{1,60}=")


class LogLine(NamedTuple):
    """The parts of one line; absent ones are ``""`` or None.

    ``time`` is as written and begins at ``time_at`` (-1: no place in the line). ``digits`` are the places of
    the digits that decide the severity, when digits do. ``format`` names the form that fitted, "" for none.
    ``trace`` is a stack that the line holds as text.
    """

    message: str
    time: str = ""
    source: str = ""
    severity: Severity | None = None
    time_at: int = -1
    digits: tuple[int, int] | None = None
    format: str = ""
    trace: str = ""


def split_line(line: str) -> LogLine:
    """Return the parts of a line in one of the usual formats or JSON; the whole line when none fits."""
    if line.startswith("{") and (found := _from_json(line)) is not None:
        return found
    if _LOGFMT_START.match(line) and (found := _from_logfmt(line)) is not None:
        return found
    first = line[:1]
    for name, form in _BY_FIRST.get("0" if "0" <= first <= "9" else first, _WORDS_FIRST):
        match = form.match(line)
        if match is not None and (message := match["message"].strip()):
            return _from_match(name, match, message)
    return LogLine(message=line.strip())


def _from_match(name: str, match: re.Match[str], message: str) -> LogLine:
    parts = match.groupdict()
    level = parts.get("level")
    severity = _SEVERITIES.get(level.rstrip("0123456789").lower()) if level else None
    digits = None
    if number := parts.get("status") or parts.get("priority"):
        digits = match.span("status" if "status" in parts else "priority")
        severity = severity_of_digits(number, name)
    return LogLine(
        message=message,
        time=parts.get("time") or "",
        source=(parts.get("source") or "").strip(),
        severity=severity,
        time_at=match.start("time") if parts.get("time") else -1,
        digits=digits,
        format=name,
    )


def severity_of_digits(text: str, form: str) -> Severity | None:
    """Return the severity that a number means: a status of HTTP, a priority of syslog, a level of pino.

    Args:
        text: the digits, at most three.
        form: name of the format they stand in.
    """
    number = int(text) if text.isdecimal() and len(text) <= 3 else -1
    if form == "access":
        return Severity.ERROR if number >= 500 else Severity.WARNING if number >= 400 else Severity.INFO
    if form == "syslog":
        return _OF_PRIORITY[number % 8] if number >= 0 else None
    return (_OF_TENS[number // 10] if number < 60 else Severity.FATAL) if number >= 0 else None


def _from_json(line: str) -> LogLine | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    if not _first(value, _MESSAGE_KEYS) and isinstance(value.get("fields"), dict):  # Rust's tracing
        value |= value["fields"]
    return _from_members(value, line, "json")


def _from_logfmt(line: str) -> LogLine | None:
    members = {key: quoted or plain for key, quoted, plain in _LOGFMT.findall(line)}
    if not (members.keys() & set(_LEVEL_KEYS)) or len(members) < 2:
        return None
    return _from_members(members, line, "logfmt")


def _from_members(value: Mapping[str, object], line: str, form: str) -> LogLine | None:
    message = _first(value, _MESSAGE_KEYS)
    if not message:
        return None
    level, time = _first(value, _LEVEL_KEYS), _first(value, _TIME_KEYS)
    digits = None
    severity = _SEVERITIES.get(level.lower())
    if form == "json" and level.isdecimal() and (match := _NUMBER_LEVEL.search(line)):
        digits = match.span("digits")
        severity = severity_of_digits(level, form)
    return LogLine(
        message=message,
        time=time,
        source=_first(value, _SOURCE_KEYS),
        severity=severity,
        time_at=line.find(time) if time else -1,
        digits=digits,
        format=form,
        trace=next((found for found in _traces(value) if "\n" in found), ""),
    )


def _traces(value: Mapping[str, object]) -> list[str]:
    nested = [inner.get("stack") for key in ("err", "error") if isinstance(inner := value.get(key), dict)]
    return [text for text in (*(value.get(key) for key in _TRACE_KEYS), *nested) if isinstance(text, str)]


def _first(value: Mapping[str, object], keys: tuple[str, ...]) -> str:
    return next((str(value[key]) for key in keys if isinstance(value.get(key), (str, int, float))), "")
