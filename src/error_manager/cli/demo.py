"""``error-manager demo``: two weeks of errors of a made-up shop, through the same processing as real ones."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from error_manager.cli.options import add_settings_options, running_settings_of
from error_manager.core.wording import plural
from error_manager.runtime.connection_file import server_url
from error_manager.runtime.demo.importer import BATCH, PROCESSES, Batches, Plan, Progress, store
from error_manager.runtime.demo.order import writing_order
from error_manager.runtime.demo.projects import analyze_anew, ensure_projects, resolve_as_of, unwritten
from error_manager.runtime.demo.schedule import DAYS, fixed_at, moments
from error_manager.runtime.demo.truth import known_span, name_of, span_until, write_truth

_RATE_PER_S: Final = 2_000
"""About what two cores write when nothing else runs (200,000 in 86 s, bench/RESULTS.md)."""
_LINE_EVERY_S: Final = 10.0
_AWAY: Final = "The database is away; trying again for a minute ..."


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--errors", type=int, default=200_000, metavar="N", help="how many (default 200,000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same errors (default 1)")
    parser.add_argument(
        "--truth", type=Path, metavar="FILE", help="where the truth goes (default DIR/files/demo-truth.json)"
    )
    add_settings_options(parser)


def run(args: argparse.Namespace) -> int:
    """Fill the database; a run with the same seed and number goes on where the one before stopped."""
    settings = running_settings_of(args)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: children first, one line
    now = datetime.now(UTC)
    truth = args.truth or settings.data_dir / "files" / "demo-truth.json"
    numbers = {"seed": args.seed, "asked": args.errors}
    span = known_span(truth, **numbers, since=now - timedelta(days=settings.retention_days)) or span_until(
        now
    )
    planned = moments(span.start, span.end, errors=args.errors, rng=Random(args.seed))  # noqa: S311  # no secret
    write_truth(truth, span, **numbers, errors=len(planned))
    plan = Plan(
        settings=settings,
        projects=asyncio.run(ensure_projects(settings)),
        start=span.start,
        seed=args.seed,
        name=name_of(span, **numbers),
    )
    order = writing_order(planned, resolved_at=fixed_at(span.start), size=BATCH)
    before, after = asyncio.run(unwritten(plan, ((order.opening,), (order.comeback,))))
    parts = asyncio.run(unwritten(plan, [order.batches[index::PROCESSES] for index in range(PROCESSES)]))
    left = _number(before) + _number(after) + sum(map(_number, parts))
    if not left:
        print(f"These {len(planned):,} errors are there already. Another --seed or --errors makes others.")
        return 0
    say = _Teller(total=len(planned), done=len(planned) - left)
    say.begin(f"{server_url(settings)} ({settings.data_dir})")
    with say:
        for told in store(plan, (before,)):
            say.hear(told)
        if after:
            asyncio.run(
                resolve_as_of(
                    settings, plan.projects["shop-api"], title="AttributeError", at=fixed_at(span.start)
                )
            )
        for told in store(plan, (after,)):
            say.hear(told)
        for told in store(plan, parts):
            say.hear(told)
    asyncio.run(analyze_anew(settings, plan.projects.values()))
    print(f"What was planted: {truth}")
    return 0


def _number(batches: Batches) -> int:
    return sum(map(len, batches))


class _Bar(Bar):
    """The bar, and under it what keeps it from moving."""

    note = ""

    def get_renderables(self) -> Sequence[RenderableType]:
        """Return the bar and the note."""
        return [*super().get_renderables(), *([self.note] if self.note else [])]


class _Teller:
    """Tells how far the demo is: a bar on a terminal, else a line now and then."""

    def __init__(self, *, total: int, done: int) -> None:
        self._total = total
        self._done = done
        self._first = done
        self._began = self._told = time.monotonic()
        self._is_away = False
        columns = (TextColumn("[bold]demo"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = _Bar(*columns, console=Console()) if sys.stdout.isatty() else None
        self._task = None if self._bar is None else self._bar.add_task("errors", total=total, completed=done)

    def begin(self, place: str) -> None:
        """Say what is written where, and how long it takes."""
        left = self._total - self._done
        known = f", {self._done:,} of them are there already" if self._done else ""
        minutes = round(left / _RATE_PER_S / 60)
        span = (
            f"about {minutes} {plural(minutes, 'minute')} on two free cores"
            if minutes
            else "less than a minute"
        )
        print(
            f"Writing {self._total:,} errors of {DAYS} days into {place}{known}: {span}.\n"
            f"Ctrl-C stops it; what is written by then covers all {DAYS} days, and the next run goes on.",
            flush=True,
        )

    def hear(self, told: Progress) -> None:
        """Show what a process told."""
        self._done += told.stored
        if self._bar is not None and self._task is not None:
            self._bar.note = _AWAY if told.is_away else ""
            self._bar.update(self._task, completed=self._done)
            return
        if told.is_away and not self._is_away:
            self._line(_AWAY)
        elif time.monotonic() - self._told >= _LINE_EVERY_S:
            self._line(f"{self._done:,} of {self._total:,} errors")
        self._is_away = told.is_away

    def _line(self, text: str) -> None:
        self._told = time.monotonic()
        print(text, flush=True)

    def __enter__(self) -> None:
        """Show the bar."""
        if self._bar is not None:
            self._bar.start()

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        """Take the bar away and say how it ended."""
        if self._bar is not None:
            self._bar.stop()
        seconds = time.monotonic() - self._began
        stored = self._done - self._first
        if kind is None:
            print(f"{stored:,} errors of {DAYS} days in {seconds:.0f} s ({stored / seconds:,.0f}/s).")
        else:
            print(f"Stopped: {self._done:,} of {self._total:,} errors are written. Run it again to go on.")
