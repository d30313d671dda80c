"""``error-manager migrate``: brings the schema up to this version; ``up`` runs it by itself."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from error_manager.cli.options import add_settings_options, settings_of
from error_manager.runtime.setup import migrate_all, set_up


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--set-up",
        action="store_true",
        help="also make the first person, project and keys, write connection.json, and print it with a login link",
    )
    add_settings_options(parser)


def run(args: argparse.Namespace) -> int:
    """Migrate; what ran is printed, one name a line."""
    settings = settings_of(args)
    if args.set_up:
        print(json.dumps(asdict(set_up(settings, say=_say))))
        return 0
    names = migrate_all(settings, say=_say)
    print("\n".join(names) if names else "The schema is up to date.")
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr)
