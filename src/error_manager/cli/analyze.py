"""``error-manager analyze``: logs, JSONL of errors, CSV of metrics or alarms, offline, without a server.

Patterns of log lines need the standard library alone; JSONL of errors needs what decodes errors, files packed
with zstd what unpacks them, and findings beyond patterns, metrics and alarms numpy (the extra ``server``).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

from error_manager.analysis.event_times import EventTimes
from error_manager.analysis.found import FoundPattern, FoundPatterns, GroupedError
from error_manager.analysis.log_finding import LogFindings
from error_manager.analysis.timeline import TimeRange
from error_manager.cli.analyze_output import check_folder, width, write, write_report
from error_manager.cli.progress import Progress
from error_manager.core.errors import ConfigurationError, MissingExtraError
from error_manager.core.text_mask import mask_sensitive
from error_manager.decoding.log_block import cut_at_record
from error_manager.decoding.table import TableKind, table_kind
from error_manager.flows.analyzing import LogAnalysis
from error_manager.flows.following import LogFollower
from error_manager.flows.log_scan import LogScanner
from error_manager.flows.log_workers import scan_apart, scan_here
from error_manager.reporting.analyze import Analysis, findings_to_csv, to_csv, to_json
from error_manager.reporting.analyze_findings_table import render_findings
from error_manager.reporting.analyze_page import to_html
from error_manager.reporting.analyze_rows import assignment_lines, group_lines
from error_manager.reporting.analyze_table import render_new, render_table
from error_manager.storage.log_files import (
    LOG_ENDINGS,
    TABLE_ENDINGS,
    LogFiles,
    OpenZstd,
    cut_at_line,
    find_files,
    find_growing,
)
from error_manager.storage.log_follow import FollowedFile

_TOP: Final = 40
_EVENT_KEYS: Final = frozenset(
    {"exception", "exceptions", "event_id", "logentry", "sentry.interfaces.Exception"}
)
_TABLES: Final = "error_manager.cli.analyze_tables"
_DECODER: Final = "error_manager.cli.analyze_events"
_FINDINGS: Final = "error_manager.cli.analyze_findings"
_NO_FINDINGS: Final = (
    "What follows what, unusual stretches and advice need the extra 'server' "
    "(pip install 'error-manager[server]'); --no-findings leaves them out."
)
_ZSTD: Final = "error_manager.storage.zstd_file"
_APART_BYTES: Final = 48 * 1024 * 1024
"""Larger inputs are scanned in processes of their own: starting two takes half a second."""
_MAX_PROCESSES: Final = 4
_FOLLOW_S: Final = 0.25
_REDRAW_S: Final = 1.0
_CLEAR: Final = "\x1b[H\x1b[2J"

Group = Callable[[str, int], GroupedError | None]
"""Takes a line of JSONL and its number; None when it holds no error."""

RunTable = Callable[[LogFiles, argparse.Namespace], int]

FindMore = Callable[[Sequence[FoundPattern], EventTimes, TimeRange], LogFindings]
"""Takes patterns with masked texts, their times and the range of all times."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="files, folders or patterns (*.log); .gz and .zst are read; - is standard input",
    )
    parser.add_argument(
        "--input",
        choices=("auto", "lines", "events", *TableKind),
        default="auto",
        help="what the files hold: lines of a log, errors as JSONL, CSV with times and numbers (metric) or "
        "with time, kind and place of alarms",
    )
    parser.add_argument("--follow", action="store_true", help="go on reading what is written to the files")
    parser.add_argument(
        "--assignments", type=Path, metavar="FILE.csv", help="write the pattern of each line or error"
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write report.html and the findings as CSV (patterns also as JSON)",
    )
    parser.add_argument(
        "--no-findings",
        action="store_true",
        help="patterns alone: not what follows what, unusual stretches, what to do",
    )
    parser.add_argument(
        "--top",
        type=int,
        default=_TOP,
        metavar="N",
        help=f"patterns, moments of a metric or pairs of alarms to show (default {_TOP})",
    )
    parser.add_argument(
        "--samples", type=int, default=0, metavar="N", help="show N lines of each pattern (default 0)"
    )


def run(args: argparse.Namespace) -> int:
    """Read everything once, or until Ctrl-C, print the table and write what was asked for."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # not every terminal has blocks and ellipses
        sys.stdout.reconfigure(errors="replace")
    check_folder(args.report)
    if args.follow:
        return _follow(args)
    is_table = args.input in set(TableKind)
    paths = find_files(args.paths, endings=TABLE_ENDINGS if is_table else LOG_ENDINGS)
    files = LogFiles(paths, open_zstd=_zstd_opener(paths))
    kind = _kind(files, args.input)
    if kind in set(TableKind):
        return _table(files, args, kind)
    source = ", ".join(args.paths)
    if kind == "events":
        patterns, times = _events(files, args.assignments)
        analysis = Analysis.of(patterns, source=source, unit="errors")
    else:
        found = _lines(files, args)
        found.settle()
        if args.assignments is not None:
            write(args.assignments, assignment_lines(found.rows()))
        patterns, times = found.patterns, found.times
        analysis = Analysis.of(patterns, source=source, unit="records", lines=found.lines)
    analysis = analysis.masked(mask_sensitive)
    if not args.no_findings:
        analysis = replace(analysis, findings=_findings(analysis, patterns, times))
    _tell(analysis, args)
    return 0


# --- reading -------------------------------------------------------------------------------------


def _kind(files: LogFiles, chosen: str) -> str:
    """Return what the files hold: by the first lines that are not empty, unless chosen."""
    if chosen != "auto":
        return chosen
    lines = files.first_lines(2)
    try:
        value = json.loads(lines[0]) if lines else None
    except (ValueError, RecursionError):
        return table_kind(lines) or "lines"
    if isinstance(value, dict) and isinstance(value.get("event"), dict):
        return "events"
    return "events" if isinstance(value, dict) and _EVENT_KEYS & value.keys() else "lines"


def _table(files: LogFiles, args: argparse.Namespace, kind: str) -> int:
    """Analyze CSV of metrics or alarms.

    Raises:
        ConfigurationError: there is no pattern to assign rows to.
        MissingExtraError: the extra ``server`` is not installed.
    """
    if args.assignments is not None:
        raise ConfigurationError([f"--assignments takes log lines or errors, and no {kind}"])
    tables = _load(_TABLES)
    run_table: RunTable = tables.run_metric if kind == TableKind.METRIC else tables.run_alarms
    return run_table(files, args)


def _zstd_opener(paths: list[Path | None]) -> OpenZstd | None:
    """Return what opens .zst files, when there are any.

    Raises:
        MissingExtraError: the extra ``server`` is not installed.
    """
    if not any(path is not None and path.suffix == ".zst" for path in paths):
        return None
    opener: OpenZstd = _load(_ZSTD).ZstdFile
    return opener


def _load(name: str) -> ModuleType:
    """Return a module that needs the extra ``server``.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        # Loaded by name, as commands are: log lines are analyzed with the standard library alone.
        return import_module(name)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in {"", "error_manager"}:
            raise
        raise MissingExtraError("analyze", package=package, extra="server") from error


# --- finding -------------------------------------------------------------------------------------


def _lines(files: LogFiles, args: argparse.Namespace) -> LogAnalysis:
    """Return the templates of log lines and the groups of their traces."""
    keeps_rows = args.assignments is not None
    samples = max(1, args.samples)
    found = LogAnalysis(samples=samples, keeps_rows=keeps_rows)
    blocks = files.blocks(cut_at_record)
    processes = min(_MAX_PROCESSES, os.cpu_count() or 1)
    new_scanner = partial(
        LogScanner,
        now=datetime.now(UTC),
        samples=samples,
        keeps_numbers=keeps_rows,
        keeps_times=not args.no_findings,
    )
    if files.total_bytes > _APART_BYTES and processes > 1:
        scanned = scan_apart(blocks, new_scanner, processes=processes)
    else:
        scanned = scan_here(blocks, new_scanner)
    with Progress(files.total_bytes) as progress, closing(scanned):
        for scanner, findings in scanned:
            found.add(scanner, findings)
            progress.show(files.done_bytes, found.lines)
    return found


def _events(files: LogFiles, assignments: Path | None) -> tuple[FoundPatterns, EventTimes]:
    """Return the groups of errors in JSONL, by the same fingerprint as the server's, and their times."""
    group: Group = _load(_DECODER).group_line
    found, times = FoundPatterns(), EventTimes()
    rows = _grouped(files, group, found, times)
    if assignments is not None:
        write(assignments, group_lines(rows))
    else:
        for _ in rows:
            pass
    return found, times


def _grouped(
    files: LogFiles, group: Group, found: FoundPatterns, times: EventTimes
) -> Iterator[tuple[str, str]]:
    """Count each error and yield its id and group."""
    number = 0
    with Progress(files.total_bytes) as progress:
        for block in files.blocks(cut_at_line):
            for line in block.decode("utf-8", "replace").split("\n"):
                number += 1
                if not line.strip() or (grouped := group(line, number)) is None:
                    continue
                pattern = found.add(
                    grouped.group,
                    text=grouped.title,
                    samples=(grouped.sample,),
                    times=(grouped.time, grouped.time),
                    minutes=_minute(grouped.time),
                    severity=grouped.severity,
                    where=grouped.where,
                    why=grouped.why,
                )
                if grouped.at_s is not None and pattern.id == grouped.group:
                    times.add(pattern.id, (grouped.at_s,))
                yield grouped.id, grouped.group
            number -= block.endswith(b"\n")
            progress.show(files.done_bytes, number)


def _findings(analysis: Analysis, patterns: FoundPatterns, times: EventTimes) -> LogFindings:
    """Return what is found beyond patterns; without the extra ``server``, a note that says so."""
    try:
        find_more: FindMore = _load(_FINDINGS).find_more
    except MissingExtraError:
        return LogFindings(note=_NO_FINDINGS)
    return find_more(analysis.patterns, times, patterns.range)


def _minute(time_text: str) -> dict[int, int] | None:
    return {int(datetime.fromisoformat(time_text).timestamp()) // 60: 1} if time_text else None


# --- following -----------------------------------------------------------------------------------


def _follow(args: argparse.Namespace) -> int:
    """Read on until Ctrl-C: the table anew each second on a terminal, else a line for each new pattern.

    Raises:
        ConfigurationError: what cannot be followed was named too.
    """
    if args.assignments is not None or args.input not in {"auto", "lines"}:
        raise ConfigurationError(["--follow takes log lines, and no --assignments"])
    files = [FollowedFile(path) for path in find_growing(args.paths)]
    follower = LogFollower(now=datetime.now(UTC), samples=max(1, args.samples))
    is_terminal = sys.stdout.isatty()
    shown = 0.0
    try:
        while True:
            fresh = follower.read(files)
            if not is_terminal:
                for pattern in fresh:
                    print(render_new(pattern, mask_sensitive), flush=True)
            elif time.monotonic() - shown >= _REDRAW_S:
                shown = time.monotonic()
                print(_CLEAR, end="")
                _print(_followed(follower, args), args)
            if not follower.is_behind:
                time.sleep(_FOLLOW_S)
    except KeyboardInterrupt:
        follower.finish()
        print(_CLEAR if is_terminal else "", end="")
        _tell(_followed(follower, args).masked(mask_sensitive), args)
    finally:
        for file in files:
            file.close()
    return 0


def _followed(follower: LogFollower, args: argparse.Namespace) -> Analysis:
    analysis = follower.analysis
    analysis.settle()
    return Analysis.of(analysis.patterns, source=", ".join(args.paths), unit="records", lines=analysis.lines)


# --- telling -------------------------------------------------------------------------------------


def _tell(analysis: Analysis, args: argparse.Namespace) -> None:
    """Print the table and write the report, of an analysis that is masked, as in the server."""
    _print(analysis, args, is_masked=True)
    if text := render_findings(analysis, width=width(), is_styled=sys.stdout.isatty()):
        print(f"\n{text}")
    if args.report is not None:
        _write_report(args.report, analysis)


def _print(analysis: Analysis, args: argparse.Namespace, *, is_masked: bool = False) -> None:
    is_terminal = sys.stdout.isatty()
    shown = analysis if is_masked else analysis.masked(mask_sensitive, limit=max(0, args.top))
    print(
        render_table(
            shown, top=max(0, args.top), samples=max(0, args.samples), width=width(), is_styled=is_terminal
        )
    )


def _write_report(folder: Path, analysis: Analysis) -> None:
    files = {
        "report.html": to_html(analysis),
        "patterns.json": to_json(analysis),
        "patterns.csv": to_csv(analysis),
    }
    if analysis.findings is not None:
        files["findings.csv"] = findings_to_csv(analysis)
    write_report(folder, files)
