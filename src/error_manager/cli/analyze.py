"""``error-manager analyze``: the patterns in log files or JSONL, offline, without a server.

Log lines need the standard library alone; JSONL of errors needs what decodes errors (the extra ``server``).
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Final, TextIO

from error_manager.analysis.found import FoundPattern, FoundPatterns, GroupedError
from error_manager.analysis.log_line import is_continuation, split_line
from error_manager.analysis.templates import Template, TemplateMiner
from error_manager.core.errors import ConfigurationError, MissingExtraError
from error_manager.core.text_mask import mask_sensitive
from error_manager.reporting.analyze import to_csv, to_html, to_json

_TOP: Final = 40
_EVENT_KEYS: Final = frozenset(
    {"exception", "exceptions", "event_id", "logentry", "sentry.interfaces.Exception"}
)
_ENDINGS: Final = (".log", ".txt", ".out", ".err", ".jsonl", ".ndjson", ".json", ".gz")
_PROGRESS_S: Final = 0.2
_DECODER: Final = "error_manager.cli.analyze_events"
_LINE_COLUMNS: Final = ("LineId", "EventId", "EventTemplate")
_EVENT_COLUMNS: Final = ("id", "group")


Group = Callable[[str, int], GroupedError | None]
"""Takes a line of JSONL and its number; None when it holds no error."""
Write = Callable[[list[object]], object]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="files or folders; .gz is read; - is standard input"
    )
    parser.add_argument(
        "--input", choices=("auto", "lines", "events"), default="auto", help="what the files hold"
    )
    parser.add_argument(
        "--assignments", type=Path, metavar="FILE.csv", help="write the pattern of each line or error"
    )
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="write patterns.json, patterns.csv, report.html"
    )
    parser.add_argument(
        "--top", type=int, default=_TOP, metavar="N", help=f"patterns to show (default {_TOP})"
    )


def run(args: argparse.Namespace) -> int:
    """Read everything once, print the table and write what was asked for."""
    paths = _files(args.paths)
    kind = _kind(paths, args.input)
    with ExitStack() as stack:
        writer = _writer(stack, args.assignments, _EVENT_COLUMNS if kind == "events" else _LINE_COLUMNS)
        lines = _lines(paths)
        found = _events(lines, writer) if kind == "events" else _messages(lines, writer)
    ranked = found.ranked()
    for pattern in ranked:  # what is shown and written is masked, as in the server
        pattern.text = mask_sensitive(pattern.text)
        pattern.sample = mask_sensitive(pattern.sample)
    _print_table(ranked[: max(0, args.top)], found.total, len(ranked))
    if args.report is not None:
        _write_report(args.report, ranked, found.total, ", ".join(args.paths))
    return 0


# --- reading -------------------------------------------------------------------------------------


def _files(names: list[str]) -> list[Path | None]:
    """Return the files to read; None is standard input.

    Raises:
        ConfigurationError: names every path that is missing, and folders without files to read.
    """
    problems: list[str] = []
    files: list[Path | None] = []
    for name in names:
        path = Path(name)
        if name == "-":
            files.append(None)
        elif path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.is_file() and file.suffix in _ENDINGS)
            files += inside
            if not inside:
                problems.append(f"{name}: no file ending in {' '.join(_ENDINGS)} in this folder")
        elif path.is_file():
            files.append(path)
        else:
            problems.append(f"{name}: no such file or folder")
    if problems:
        raise ConfigurationError(problems)
    return files


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", errors="replace", newline="\n")
    return path.open(encoding="utf-8", errors="replace", newline="\n")


def _lines(paths: list[Path | None]) -> Iterator[str]:
    """Yield the lines of all files, with a progress bar on a terminal."""
    bar = _Progress(sum(path.stat().st_size for path in paths if path is not None))
    for path in paths:
        if path is None:
            yield from (line.rstrip("\r\n") for line in sys.stdin)
            continue
        share = path.stat().st_size / max(1, _text_size(path))
        with _open(path) as file:
            for line in file:
                bar.add(len(line) * share)
                yield line.rstrip("\r\n")
    bar.close()


def _text_size(path: Path) -> int:
    """Return about how many characters a file holds: text in gzip is about eight times its size."""
    return path.stat().st_size * (8 if path.suffix == ".gz" else 1)


def _kind(paths: list[Path | None], chosen: str) -> str:
    """Return ``lines`` or ``events``: by the first line that is not empty, unless chosen."""
    first = paths[0]
    if chosen != "auto" or first is None:
        return chosen if chosen != "auto" else "lines"
    with _open(first) as file:
        line = next((line for line in file if line.strip()), "")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return "lines"
    if isinstance(value, dict) and isinstance(value.get("event"), dict):
        return "events"
    return "events" if isinstance(value, dict) and _EVENT_KEYS & value.keys() else "lines"


class _Progress:
    """A bar on standard error, when that is a terminal."""

    def __init__(self, total: float) -> None:
        self._total = total
        self._done = 0.0
        self._shown = time.monotonic()
        self._is_on = sys.stderr.isatty() and total > 0

    def add(self, size: float) -> None:
        self._done += size
        if self._is_on and (now := time.monotonic()) - self._shown > _PROGRESS_S:
            self._shown = now
            share = min(1.0, self._done / self._total)
            filled = int(share * 30)
            print(
                f"\r  [{'#' * filled}{'.' * (30 - filled)}] {share:4.0%}", end="", file=sys.stderr, flush=True
            )

    def close(self) -> None:
        if self._is_on:
            print("\r" + " " * 42 + "\r", end="", file=sys.stderr, flush=True)


# --- finding -------------------------------------------------------------------------------------


def _messages(lines: Iterator[str], write: Write) -> FoundPatterns:
    """Return the templates of log lines; frames of a trace belong to the line above them."""
    miner, found = TemplateMiner(), FoundPatterns()
    current: Template | None = None
    pattern: FoundPattern | None = None
    has_times = False
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if current is not None and pattern is not None and is_continuation(line, has_times=has_times):
            if pattern.count == 1:
                pattern.sample = f"{pattern.sample}\n{line}"[:2_000]
        else:
            parts = split_line(line)
            has_times = parts.time != ""
            current = miner.add(parts.message)
            pattern = found.add(
                f"E{current.id}",
                text=current.text,
                sample=line,
                time=parts.time,
                severity=parts.severity,
                where=parts.source,
            )
        write([number, f"E{current.id}", current.text])
    return found


def _events(lines: Iterator[str], write: Write) -> FoundPatterns:
    """Return the groups of errors in JSONL, by the same fingerprint as the server's."""
    group = _event_grouper()
    found = FoundPatterns()
    for number, line in enumerate(lines, start=1):
        if not line.strip() or (grouped := group(line, number)) is None:
            continue
        found.add(
            grouped.group,
            text=grouped.title,
            sample=grouped.sample,
            time=grouped.time,
            severity=grouped.severity,
            where=grouped.where,
            why=grouped.why,
        )
        write([grouped.id, grouped.group])
    return found


def _event_grouper() -> Group:
    """Return what decodes and groups one error.

    Raises:
        MissingExtraError: the extra ``server`` is not installed.
    """
    try:
        # Loaded by name, as commands are: log lines are analyzed without msgspec.
        group: Group = import_module(_DECODER).group_line
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in {"", "error_manager"}:
            raise
        raise MissingExtraError("analyze", package=package, extra="server") from error
    return group


# --- telling -------------------------------------------------------------------------------------


def _writer(stack: ExitStack, path: Path | None, columns: tuple[str, ...]) -> Write:
    """Return what writes one row of assignments, or what drops it when no file was named."""
    if path is None:
        return lambda _: None
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = csv.writer(
        stack.enter_context(path.open("w", encoding="utf-8", newline="")), lineterminator="\n"
    )
    writer.writerow(columns)
    return writer.writerow


def _write_report(folder: Path, patterns: list[FoundPattern], total: int, source: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "patterns.json").write_text(to_json(patterns, total, source=source), encoding="utf-8")
    (folder / "patterns.csv").write_text(to_csv(patterns, total), encoding="utf-8")
    (folder / "report.html").write_text(to_html(patterns, total, source=source), encoding="utf-8")
    print(f"\nReport: {folder / 'report.html'} (also patterns.json and patterns.csv)")


def _print_table(patterns: list[FoundPattern], total: int, known: int) -> None:
    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size((140, 24)).columns if is_terminal else 200
    times = max((len(pattern.first) for pattern in patterns), default=0)
    print(
        f"{total:,} errors, {known:,} patterns"
        + (f"; the {len(patterns)} most frequent:" if patterns else "")
    )
    if not patterns:
        return
    head = f"{'count':>9} {'share':>6} {'severity':8} {'first seen':{times}}  pattern"
    print(f"\n{_styled(head, '1', is_on=is_terminal)}")
    for pattern in patterns:
        severity = pattern.severity.value if pattern.severity else ""
        start = f"{pattern.count:>9,} {pattern.count / total:>6.1%} {severity:8} {pattern.first:{times}}  "
        text = _printable(
            pattern.text if not pattern.where or not pattern.why else f"{pattern.text}  {pattern.where}"
        )
        room = max(20, width - len(start))
        text = text if len(text) <= room else f"{text[: room - 1]}…"
        print(start + text.replace("<*>", _styled("<*>", "33", is_on=is_terminal)))


def _printable(text: str) -> str:
    """Return the text without what a terminal would obey: control characters and reversed writing."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _styled(text: str, code: str, *, is_on: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if is_on else text
