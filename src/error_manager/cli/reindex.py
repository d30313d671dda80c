"""``error-manager reindex``: fill the index of similar errors from the database."""

from __future__ import annotations

import argparse
import asyncio

from rich.console import Console

from error_manager.cli.counting import counting
from error_manager.cli.options import add_settings_options, settings_of
from error_manager.core.wording import plural
from error_manager.flows import indexing
from error_manager.runtime.settings import Settings
from error_manager.runtime.wiring.indexing import open_index_services


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--missing", action="store_true", help="only what the index lacks (default: everything anew)"
    )
    add_settings_options(parser)


def run(args: argparse.Namespace) -> int:
    """Fill the index of the running server."""
    return asyncio.run(_run(settings_of(args), is_whole=not args.missing))


async def _run(settings: Settings, *, is_whole: bool) -> int:
    console = Console()
    async with open_index_services(settings) as services:
        await services.index.count()  # say at once when it is away
        total = len(await services.source.patterns())
        with counting(console) as progress:
            task = progress.add_task("Patterns", total=total)

            async def told(done: int) -> None:
                progress.update(task, completed=done)

            fill = indexing.rebuild if is_whole else indexing.catch_up
            caught = await fill(services, told=told)
    patterns = plural(caught.added, "pattern")
    console.print(f"{caught.added:,} {patterns} indexed, {caught.removed:,} removed.", highlight=False)
    return 0
