"""``error-manager regroup``: what another version of the fingerprint, or the rules, would change."""

from __future__ import annotations

import argparse
import asyncio

from rich.console import Console
from rich.table import Table

from error_manager.cli.counting import counting
from error_manager.cli.options import add_settings_options, settings_of
from error_manager.core.errors import ConfigurationError
from error_manager.core.fingerprint import VERSION, VERSIONS
from error_manager.core.types import ProjectId
from error_manager.flows import rules
from error_manager.flows.rules import Comparison, ShownChange, ShownPart
from error_manager.runtime.settings import Settings
from error_manager.runtime.wiring.report import report_services
from error_manager.storage.base import Project


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
    parser.add_argument("--project", type=int, metavar="ID", help="only this project (default: each)")
    parser.add_argument(
        "--last", type=int, default=100_000, metavar="N", help="newest errors to look at (default 100,000)"
    )
    parser.add_argument(
        "--version",
        type=int,
        default=VERSION,
        choices=sorted(VERSIONS),
        dest="fingerprint_version",
        help=f"of the fingerprint (default: the one in force, {VERSION})",
    )
    add_settings_options(parser)


def run(args: argparse.Namespace) -> int:
    """Compare stored groups with those of the version and the rules; move them unless it is a dry run."""
    if args.last < 1:
        raise ConfigurationError(["--last: expected at least 1"])
    return asyncio.run(_run(settings_of(args), args))


async def _run(settings: Settings, args: argparse.Namespace) -> int:
    console = Console()
    async with report_services(settings) as services:
        svc = services.query
        projects = [
            project
            for project in await svc.access.projects()
            if args.project is None or project.id == ProjectId(args.project)
        ]
        if not projects:
            raise ConfigurationError([f"--project {args.project}: there is no such project"])
        for project in projects:
            total = await svc.rules.count_newest(project.id, limit=args.last)
            with counting(console) as progress:
                task = progress.add_task(project.name, total=total)

                async def told(done: int) -> None:
                    progress.update(task, completed=done)  # noqa: B023  # awaited before the next round

                shown, moved = await rules.regroup(
                    svc,
                    project.id,
                    version=args.fingerprint_version,
                    errors=args.last,
                    is_dry=args.dry_run,
                    told=told,
                )
            show(console, project, shown, moved, is_dry=args.dry_run)
    return 0


def show(console: Console, project: Project, shown: Comparison, moved: int, *, is_dry: bool) -> None:
    """Print what changes for a project: a sentence, a table of merges, one of splits."""
    console.print(f"{project.name}: {shown.sentence}", highlight=False)
    for title, changes, head in (
        ("Merges", shown.merges, ("out of these patterns", "one")),
        ("Splits", shown.splits, ("into these patterns", "this pattern")),
    ):
        if changes:
            console.print(_table(title, changes, head))
    if shown.stays:
        console.print(
            f"  {shown.stays:,} errors stay: their group falls apart, only new ones like them come elsewhere."
        )
    if not is_dry:
        console.print(f"  {moved:,} groups moved.")
    elif shown.follow:
        console.print(f"  {shown.follow:,} groups would move. Run it without --dry-run to move them.")


def _table(title: str, changes: tuple[ShownChange, ...], head: tuple[str, str]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(head[1])
    table.add_column("errors", justify="right")
    table.add_column(head[0])
    for change in changes:
        parts = "\n".join(f"{part.count:,} {_name(part)}" for part in change.parts)
        more = f"\nand {change.more:,} more" if change.more else ""
        table.add_row(_name(change.whole), f"{change.whole.count:,}", parts + more)
    return table


def _name(part: ShownPart) -> str:
    number = f"#{part.pattern_id}" if part.pattern_id is not None else "new:"
    return f"{number} {part.title}"
