"""``error-manager report``: the errors of a time range as JSON, HTML or CSV, registered with the server."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from rich.console import Console

from error_manager.cli.options import add_settings_options, running_settings_of
from error_manager.core.errors import ConfigurationError
from error_manager.core.types import ProjectId
from error_manager.core.wording import plural
from error_manager.flows.reporting import FORMATS, make_report
from error_manager.runtime.settings import Settings
from error_manager.runtime.wiring.report import report_services
from error_manager.storage.base import ReportRow

_SPAN: Final = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--last", default="7d", metavar="SPAN", help="12h, 7d, 2w, ... back from now (default 7d)"
    )
    parser.add_argument(
        "--since", metavar="TIME", help="start instead of --last: 2026-03-01 or 2026-03-01T14:00Z (UTC)"
    )
    parser.add_argument("--until", metavar="TIME", help="end (default: the end of this hour)")
    parser.add_argument(
        "--project",
        type=int,
        action="append",
        default=[],
        metavar="ID",
        help="only this project; may be repeated",
    )
    parser.add_argument(
        "--format", choices=FORMATS, help="write this format to --output or to the terminal's output"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="where --format is written (default: stdout)"
    )
    add_settings_options(parser)


def run(args: argparse.Namespace) -> int:
    """Make and register the report; say where its files are, or write the chosen one."""
    settings = running_settings_of(args)
    since, until = time_range(args.last, args.since, args.until, datetime.now(UTC))
    projects = tuple(ProjectId(number) for number in args.project)
    row, files = asyncio.run(_make(settings, since, until, projects))
    if args.format and args.output is None:
        sys.stdout.buffer.write(files[args.format])
        return 0
    console = Console()
    console.print(
        f"Report {row.id}: {row.total_errors:,} {plural(row.total_errors, 'error')} "
        f"in {row.unique_patterns:,} {plural(row.unique_patterns, 'pattern')}."
    )
    if args.format:
        args.output.write_bytes(files[args.format])
        console.print(f"  {args.output}", highlight=False)
        return 0
    for file_format in FORMATS:
        path = settings.data_dir / "files" / row.file_path / f"report.{file_format}"
        console.print(f"  {path}", highlight=False, soft_wrap=True)
    return 0


async def _make(
    settings: Settings, since: datetime, until: datetime, projects: tuple[ProjectId, ...]
) -> tuple[ReportRow, dict[str, bytes]]:
    async with report_services(settings) as services:
        row, files = await make_report(services, since=since, until=until, project_ids=projects)
        return row, dict(files)


def time_range(last: str, since: str | None, until: str | None, now: datetime) -> tuple[datetime, datetime]:
    """Return the range of a report in whole hours (UTC).

    Raises:
        ConfigurationError: with everything that cannot be read.
    """
    problems: list[str] = []
    end = _time("--until", until, problems) if until else now
    end = end.replace(minute=0, second=0, microsecond=0) + (
        timedelta(hours=1) if end.minute or not until else timedelta()
    )
    span = _SPAN.fullmatch(last)
    if span is None:
        problems.append(f"--last {last}: expected a number with h, d or w, such as 12h or 7d")
    length = int(span[1]) * _UNITS[span[2]] if span else timedelta(days=7)
    start = (
        _time("--since", since, problems).replace(minute=0, second=0, microsecond=0)
        if since
        else end - length
    )
    if start >= end:
        problems.append(f"the range is empty: it starts at {start.isoformat()} and ends at {end.isoformat()}")
    if problems:
        raise ConfigurationError(problems)
    return start, end


def _time(option: str, text: str, problems: list[str]) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        problems.append(f"{option} {text}: expected a date or time such as 2026-03-01 or 2026-03-01T14:00Z")
        return datetime.now(UTC)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
