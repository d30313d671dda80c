"""``error-manager migrate``: brings the schema up to this version; ``up`` runs it when needed."""

from __future__ import annotations

import argparse
import sys

import psycopg

from error_manager.cli.options import add_settings_options, settings_of
from error_manager.storage.postgres.connection import translate
from error_manager.storage.postgres.migrate import migrate
from error_manager.storage.postgres.revisions import Phase
from error_manager.storage.postgres.roles import ensure_roles


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--until",
        choices=[phase.value for phase in Phase],
        default=Phase.POST.value,
        help="pre = stop before what the old release cannot live with; post = everything (default)",
    )
    add_settings_options(parser)


def run(args: argparse.Namespace) -> int:
    """Migrate and print what ran, one name a line."""
    settings = settings_of(args)
    if settings.database.url is None:
        try:
            ensure_roles(settings.cluster)
        except psycopg.Error as error:
            raise translate(error) from error
    names = migrate(settings.database_owner_url, until=Phase(args.until), say=_say)
    print("\n".join(f"Migrated: {name}" for name in names) if names else "The schema is up to date.")
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr)
