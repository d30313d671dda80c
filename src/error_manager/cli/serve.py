"""``error-manager serve``: one accepting process; ``up`` starts and watches them."""

from __future__ import annotations

import argparse

from error_manager.cli.options import add_settings_options, settings_of
from error_manager.runtime import serve
from error_manager.runtime.log import configure_logging


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--slot", type=int, default=0, metavar="K", help="slot of the inbox, 0 or more (default 0)"
    )
    parser.add_argument("--pipe-fd", type=int, metavar="FD", help="end when this inherited pipe is closed")
    add_settings_options(parser)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    settings = settings_of(args)
    configure_logging(settings.log.level)
    return serve.main(settings, slot=args.slot, pipe_fd=args.pipe_fd)
