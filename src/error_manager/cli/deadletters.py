"""``error-manager deadletters``: list, show, replay or drop what could not be processed."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from error_manager.cli.options import add_settings_options, running_settings_of
from error_manager.core.errors import InboxCorruptError, SealError
from error_manager.flows.processing import replay_dead_letter
from error_manager.flows.services import ProcessServices
from error_manager.runtime.settings import Settings
from error_manager.runtime.wiring.worker import build
from error_manager.storage.base import DeadLetter

_SHARD: Final = 32_000
"""Shard of rollup rows that commands write: no worker has so high a number."""
_TIME: Final = "%Y-%m-%d %H:%M:%S"
_BODY_CHARS: Final = 4_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    listing = actions.add_parser("list", help="show the newest")
    listing.add_argument("--project", type=int, metavar="ID", help="only of this project")
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="how many (default 50)")
    add_settings_options(listing)
    for name, summary in (
        ("show", "show one, with what was received"),
        ("replay", "process again; what fails again stays"),
        ("drop", "give up; they count as filtered from then on"),
    ):
        action = actions.add_parser(name, help=summary)
        action.add_argument("ids", type=int, nargs="+", metavar="ID")
        add_settings_options(action)


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 1 when a letter was not moved."""
    settings = running_settings_of(args)
    console = Console()
    actions: dict[str, Callable[[ProcessServices], Awaitable[int]]] = {
        "list": lambda svc: _list(svc, args, console),
        "show": lambda svc: _each(svc, args.ids, console, _show),
        "replay": lambda svc: _each(svc, args.ids, console, _replay),
        "drop": lambda svc: _each(svc, args.ids, console, _drop),
    }
    return asyncio.run(_with_services(settings, actions[args.action]))


async def _with_services(settings: Settings, action: Callable[[ProcessServices], Awaitable[int]]) -> int:
    worker = build(settings, index=_SHARD)
    try:
        return await action(worker.services)
    finally:
        await worker.close()


async def _list(svc: ProcessServices, args: argparse.Namespace, console: Console) -> int:
    letters = await svc.store.dead_letters(project_id=args.project, limit=max(1, args.limit))
    if not letters:
        console.print("There are no dead letters.")
        return 0
    table = Table("id", "project", "received (UTC)", "reason", "detail", box=None, pad_edge=False)
    for letter in letters:
        received = letter.received_at.strftime(_TIME)
        table.add_row(str(letter.id), str(letter.project_id), received, letter.reason, _plain(letter.detail))
    console.print(table)
    return 0


async def _each(
    svc: ProcessServices,
    ids: list[int],
    console: Console,
    action: Callable[[ProcessServices, DeadLetter, Console], Awaitable[bool]],
) -> int:
    has_moved = [await action(svc, await svc.store.dead_letter(number), console) for number in ids]
    return 0 if all(has_moved) else 1


async def _show(svc: ProcessServices, letter: DeadLetter, console: Console) -> bool:
    console.print(
        f"Dead letter {letter.id} of project {letter.project_id}, received {letter.received_at:{_TIME}} UTC"
    )
    console.print(
        f"reason: {letter.reason} after {letter.attempts} attempts\ndetail: {_plain(letter.detail)}"
    )
    try:
        record = svc.open_record(letter.body)
    except (SealError, InboxCorruptError):
        console.print("It cannot be opened: it was damaged when it was read from the inbox.")
        return True
    console.print(_plain(record.body[:_BODY_CHARS].decode("utf-8", "replace")), soft_wrap=True)
    return True


async def _replay(svc: ProcessServices, letter: DeadLetter, console: Console) -> bool:
    try:
        result = await replay_dead_letter(svc, letter.id)
    except (SealError, InboxCorruptError):
        console.print(f"{letter.id}: cannot be opened; drop it")
        return False
    if isinstance(result, DeadLetter):
        console.print(f"{letter.id}: failed again: {_plain(result.detail)}")
        return False
    console.print(f"{letter.id}: processed")
    return True


async def _drop(svc: ProcessServices, letter: DeadLetter, console: Console) -> bool:
    await svc.store.replace_dead_letter(letter.id, None)
    console.print(f"{letter.id}: dropped")
    return True


def _plain(text: str) -> str:
    """Return the text without what a terminal would obey."""
    return escape("".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text))
