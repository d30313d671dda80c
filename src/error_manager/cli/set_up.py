"""``error-manager set-up``: schema, first person, project and keys; the step of ``up`` before it serves."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import asdict

from error_manager.cli.options import add_settings_options, given_settings, words_of
from error_manager.core.errors import StorageError
from error_manager.runtime.connection_file import write_connection
from error_manager.runtime.program import program
from error_manager.runtime.settings import load_settings
from error_manager.runtime.setup import set_up


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--no-connection-file", action="store_true", help="leave connection.json as it is; only print"
    )
    add_settings_options(parser)


def run(args: argparse.Namespace) -> int:
    """Set up and print, as one JSON object, how to reach the server and a one-time login link."""
    given = given_settings(args)
    settings = load_settings(given)

    def migrate() -> None:
        command = program("migrate", words_of(given, settings.data_dir))
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
            raise StorageError("The migrations failed; what they said stands above.")

    ready = set_up(settings, migrate=migrate)
    if not args.no_connection_file:
        write_connection(settings.data_dir, ready.connection)
    print(json.dumps(asdict(ready)))
    return 0
