"""``error-manager worker``: one process that drains the inbox; ``up`` starts and watches them."""

from __future__ import annotations

import argparse

from error_manager.cli.options import add_settings_options, settings_of
from error_manager.runtime import worker
from error_manager.runtime.log import configure_logging


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--index", type=int, default=0, metavar="K", help="number of the worker, 0 or more (default 0)"
    )
    parser.add_argument("--pipe-fd", type=int, metavar="FD", help="end when this inherited pipe is closed")
    add_settings_options(parser)


def run(args: argparse.Namespace) -> int:
    """Work until told to stop."""
    settings = settings_of(args)
    configure_logging(settings.log.level)
    return worker.main(settings, index=args.index, pipe_fd=args.pipe_fd)
