"""``error-manager login``: print a new one-time login link."""

from __future__ import annotations

import argparse
import asyncio

from rich.console import Console

from error_manager.cli.options import add_settings_options, running_settings_of
from error_manager.cli.projects import with_access
from error_manager.core.errors import NotFoundError
from error_manager.flows.access import make_login_link
from error_manager.flows.services import AccessServices
from error_manager.runtime.connection_file import server_url


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_settings_options(parser)


def run(args: argparse.Namespace) -> int:
    """Make the link and print it."""
    settings = running_settings_of(args)
    asyncio.run(with_access(settings, lambda svc: _print_link(svc, server_url(settings), Console())))
    return 0


async def _print_link(svc: AccessServices, url: str, console: Console) -> None:
    persons = await svc.access.persons()
    if not persons:
        message = "Nobody may sign in yet. Start the server first: error-manager up"
        raise NotFoundError(message)
    token = await make_login_link(svc, person_id=persons[0].id)
    console.print("Open this link within 15 minutes; it works once:")
    console.print(f"{url}/login/{token}", soft_wrap=True)
