"""``error-manager projects``: list and create projects and their keys."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from error_manager.cli.options import add_settings_options, running_settings_of
from error_manager.flows.access import create_project
from error_manager.flows.services import AccessServices
from error_manager.monitoring.dashboard import dsn
from error_manager.runtime.connection_file import server_url
from error_manager.runtime.settings import Settings
from error_manager.security.encryption import open_sealer
from error_manager.storage.postgres.access import PostgresAccess
from error_manager.storage.postgres.connection import pool


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    listing = actions.add_parser("list", help="show projects with their DSNs")
    add_settings_options(listing)
    creating = actions.add_parser("create", help="make a project with a key")
    creating.add_argument("name", metavar="NAME", help="1 to 100 characters")
    creating.add_argument(
        "--id", type=int, metavar="N", help="number in the DSN (default: the next free one)"
    )
    creating.add_argument("--key", default="", metavar="HEX", help="32 hexadecimal digits (default: random)")
    add_settings_options(creating)


def run(args: argparse.Namespace) -> int:
    """Do what was asked."""
    settings = running_settings_of(args)
    console = Console()
    if args.action == "list":
        asyncio.run(with_access(settings, lambda svc: _list(svc, server_url(settings), console)))
    else:
        asyncio.run(with_access(settings, lambda svc: _create(svc, args, server_url(settings), console)))
    return 0


async def with_access(settings: Settings, action: Callable[[AccessServices], Awaitable[None]]) -> None:
    """Run ``action`` with access to projects and keys.

    Raises:
        StorageUnavailableError: the database is away (is ``error-manager up`` running?).
    """
    connections = pool(
        settings.database_url, application_name="error-manager projects", max_size=1, autocommit=True
    )
    sealer = open_sealer(settings.data_dir)
    await connections.open()
    try:
        await action(
            AccessServices(
                access=PostgresAccess(connections),
                sealer=sealer,
                clock=lambda: datetime.now(UTC),
                randomness=os.urandom,
            )
        )
    finally:
        await connections.close()


async def _list(svc: AccessServices, url: str, console: Console) -> None:
    table = Table("id", "name", "DSN", box=None, pad_edge=False)
    keys = await svc.access.ingest_keys()
    for project in await svc.access.projects():
        addresses = [
            dsn(url, key.key, project.id) for key in keys if key.project_id == project.id and key.is_active
        ]
        table.add_row(str(project.id), escape(project.name), "\n".join(addresses))
    console.print(table)


async def _create(svc: AccessServices, args: argparse.Namespace, url: str, console: Console) -> None:
    project, key = await create_project(svc, args.name, project_id=args.id, key=args.key)
    console.print(f"Project {project.id} ({escape(project.name)}) is ready. Its DSN:")
    console.print(dsn(url, key.key, project.id), soft_wrap=True)
