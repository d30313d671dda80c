"""``error-manager worker``: one process that drains the inbox, or analyses; ``up`` starts them."""

from __future__ import annotations

import argparse
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import Final

from error_manager.cli.options import add_settings_options, given_settings, words_of
from error_manager.runtime.log import configure_logging
from error_manager.runtime.program import program
from error_manager.runtime.settings import load_settings

_ROLES: Final = MappingProxyType(
    {
        "processing": "error_manager.runtime.worker",
        "analysis": "error_manager.runtime.analysis_worker",
        "analysis-hour": "error_manager.runtime.analysis_hour",
    }
)
"""Only the role that runs is loaded: draining the inbox needs none of the 60 MB that the analysis imports."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--role",
        choices=tuple(_ROLES),
        default="processing",
        help="drain the inbox (the default), analyse what is stored, or only the hours that are due",
    )
    parser.add_argument(
        "--index", type=int, default=0, metavar="K", help="number of the worker, 0 or more (default 0)"
    )
    parser.add_argument("--pipe-fd", type=int, metavar="FD", help="end when this inherited pipe is closed")
    add_settings_options(parser)


def run(args: argparse.Namespace) -> int:
    """Work until told to stop."""
    given = given_settings(args)
    settings = load_settings(given)
    configure_logging(settings.log.level)
    main = import_module(_ROLES[args.role]).main
    if args.role == "analysis":
        words = words_of(given, settings.data_dir)
        hour = program("worker", words, "--role", "analysis-hour", "--index", str(args.index))
        main = partial(main, hour_command=hour)
    code: int = main(settings, index=args.index, pipe_fd=args.pipe_fd)
    return code
