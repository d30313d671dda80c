"""``error-manager worker``: one process that drains the inbox, or analyses; ``up`` starts them."""

from __future__ import annotations

import argparse
from importlib import import_module
from types import MappingProxyType
from typing import Final

from error_manager.cli.options import add_settings_options, settings_of
from error_manager.runtime.log import configure_logging

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
    settings = settings_of(args)
    configure_logging(settings.log.level)
    code: int = import_module(_ROLES[args.role]).main(settings, index=args.index, pipe_fd=args.pipe_fd)
    return code
