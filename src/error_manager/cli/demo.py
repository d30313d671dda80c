"""``error-manager demo``: two weeks of errors of a made-up shop, through the same processing as real ones."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from error_manager.cli.options import add_settings_options, running_settings_of
from error_manager.runtime.demo.importer import Plan, store
from error_manager.runtime.demo.projects import ensure_projects, resolve_as_of
from error_manager.runtime.demo.schedule import DAYS, fixed_at, incidents, moments


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--errors", type=int, default=200_000, metavar="N", help="how many (default 200,000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same errors (default 1)")
    parser.add_argument(
        "--truth", type=Path, metavar="FILE", help="where the truth goes (default DIR/files/demo-truth.json)"
    )
    add_settings_options(parser)


def run(args: argparse.Namespace) -> int:
    """Fill the database; a second run with the same seed in the same hour adds nothing."""
    settings = running_settings_of(args)
    console = Console()
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    start = demo_start(end)
    planned = moments(start, end, errors=args.errors, rng=Random(args.seed))  # noqa: S311  # no secret
    numbered = list(enumerate(planned))
    projects = asyncio.run(ensure_projects(settings))
    plan = Plan(settings=settings, projects=projects, start=start, seed=args.seed)
    middle = fixed_at(start)
    before = [item for item in numbered if item[1].at < middle]
    began = time.monotonic()
    with _progress(console) as progress:
        task = progress.add_task("errors", total=len(numbered))
        for count in store(plan, before):
            progress.advance(task, count)
        asyncio.run(resolve_as_of(settings, projects["shop-api"], title="AttributeError", at=middle))
        for count in store(plan, numbered[len(before) :]):
            progress.advance(task, count)
    seconds = time.monotonic() - began
    truth = args.truth or settings.data_dir / "files" / "demo-truth.json"
    write_truth(truth, start, args.seed, len(numbered))
    rate = len(numbered) / seconds
    console.print(f"{len(numbered):,} errors of {DAYS} days in {seconds:.0f} s ({rate:,.0f}/s).")
    console.print(f"What was planted: {truth}")
    return 0


def demo_start(now: datetime) -> datetime:
    """Return the midnight (UTC) at which the demo begins, so that its last day is today."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS - 1)


def write_truth(path: Path, start: datetime, seed: int, errors: int) -> None:
    """Write what was planted, as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    truth = {
        "start": start.isoformat(),
        "seed": seed,
        "errors": errors,
        "incidents": [incident.to_json() for incident in incidents(start)],
    }
    path.write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")


def _progress(console: Console) -> Progress:
    columns = (TextColumn("[bold]demo"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)
