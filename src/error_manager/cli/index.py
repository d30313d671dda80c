"""``error-manager index``: the process that has the index; ``up`` starts and watches it."""

from __future__ import annotations

import argparse

from error_manager.cli.options import add_settings_options, settings_of
from error_manager.runtime import index
from error_manager.runtime.log import configure_logging
from error_manager.runtime.wiring.index import open_engine


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--pipe-fd", type=int, metavar="FD", help="end when this inherited pipe is closed")
    add_settings_options(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    settings = settings_of(args)
    configure_logging(settings.log.level)
    return index.main(settings, open_engine=open_engine, pipe_fd=args.pipe_fd)
