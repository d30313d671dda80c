"""The entry of the command line: finds the command, loads its module, turns errors into words and exit codes.

Needs the standard library alone, so that an installation without the server can say what it lacks.
Exit codes: 0 done, 1 failed, 2 wrong usage or a part is not installed, 75 try again later (no database),
130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from error_manager.core.errors import (
    ConfigurationError,
    ErrorManagerError,
    IndexUnavailableError,
    MissingExtraError,
    NotRunningError,
    StorageUnavailableError,
)
from error_manager.core.version import VERSION

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_TRY_AGAIN: Final = 75
"""EX_TEMPFAIL of sysexits.h: a supervisor may start the same command again."""
EXIT_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: its name, what it does, the module it lives in and the extra that brings what it imports.

    The module has ``configure(parser)``, which adds the arguments, and ``run(args)``, which returns the exit
    code.
    """

    name: str
    summary: str
    module: str
    extra: str = "server"
    is_internal: bool = False

    @property
    def is_lasting(self) -> bool:
        """Return whether it may run for long."""
        return self.is_internal or self.name == "up"


COMMANDS: Final = (
    Command(
        name="up",
        summary="start everything: database, receiver, worker; stop with Ctrl-C",
        module="error_manager.cli.up",
    ),
    Command(
        name="status",
        summary="show processes, memory, disk and what became of every error received",
        module="error_manager.cli.status",
    ),
    Command(
        name="doctor",
        summary="check the installation and say how to mend it",
        module="error_manager.cli.doctor",
    ),
    Command(
        name="analyze",
        summary="find the patterns in log files or JSONL, what is new in metrics, what alarms cause",
        module="error_manager.cli.analyze",
    ),
    Command(
        name="report",
        summary="write a report of a time range as JSON, HTML or CSV",
        module="error_manager.cli.report",
    ),
    Command(
        name="demo",
        summary="fill the server with two weeks of errors of a made-up shop",
        module="error_manager.cli.demo",
    ),
    Command(
        name="deadletters",
        summary="list, show, replay or drop what could not be processed",
        module="error_manager.cli.deadletters",
    ),
    Command(
        name="regroup",
        summary="say what other grouping would change, and do it",
        module="error_manager.cli.regroup",
    ),
    Command(
        name="reindex",
        summary="fill the index of similar errors from the database",
        module="error_manager.cli.reindex",
    ),
    Command(
        name="projects",
        summary="list and create projects and their keys",
        module="error_manager.cli.projects",
    ),
    Command(
        name="login",
        summary="print a new one-time link to sign in with",
        module="error_manager.cli.login",
    ),
    Command(
        name="serve",
        summary="run one receiving process",
        module="error_manager.cli.serve",
        is_internal=True,
    ),
    Command(
        name="worker",
        summary="run one working process",
        module="error_manager.cli.worker",
        is_internal=True,
    ),
    Command(
        name="index",
        summary="run the process that has the index of similar errors",
        module="error_manager.cli.index",
        is_internal=True,
    ),
    Command(
        name="index-server",
        summary="run the same with a Qdrant server behind it",
        module="error_manager.cli.index_server",
        extra="qdrant",
        is_internal=True,
    ),
    Command(
        name="set-up",
        summary="make the schema, the first person, project and keys; `up` does it",
        module="error_manager.cli.set_up",
        is_internal=True,
    ),
    Command(
        name="migrate",
        summary="bring the database's schema up to this version",
        module="error_manager.cli.migrate",
        is_internal=True,
    ),
)

Configure = Callable[[argparse.ArgumentParser], None]
Run = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that ``argv`` (default: this process's arguments) names; return the exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    command = _chosen(words)
    if argv is None and command is not None and command.is_lasting:
        # structlog loads rich when it is there, to draw on a terminal: 5.5 MB in each process for nothing.
        sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # None = may not be imported
    try:
        run, args = _prepare(command, words)
        return run(args)
    except MissingExtraError as error:
        _complain("error-manager", str(error))
        return EXIT_USAGE
    except ErrorManagerError as error:
        _complain("error-manager" if command is None else f"error-manager {command.name}", _explain(error))
        return _exit_code(error)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # `error-manager report | head`: the reader has what it wants
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED


def _chosen(words: Sequence[str]) -> Command | None:
    return next((command for command in COMMANDS if words and command.name == words[0]), None)


def _prepare(command: Command | None, words: Sequence[str]) -> tuple[Run, argparse.Namespace]:
    """Return what to run and its arguments. Only the chosen command's module is loaded."""
    parser = argparse.ArgumentParser(
        prog="error-manager",
        description="Takes the errors of your applications, groups them into patterns and shows them live.",
        epilog="`error-manager COMMAND --help` explains a command.",
    )
    version = (
        f"error-manager {VERSION} (Python {platform.python_version()}, {sys.platform} {platform.machine()})"
    )
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    run: Run = _helper(parser)
    for each in COMMANDS:
        if each is command:
            configure, run = _load(each)
            configure(commands.add_parser(each.name, help=each.summary, description=each.summary))
        elif not each.is_internal:
            commands.add_parser(each.name, help=each.summary)
    return run, parser.parse_args(words)


def _helper(parser: argparse.ArgumentParser) -> Run:
    def run(_: argparse.Namespace) -> int:
        parser.print_help(sys.stderr)
        return EXIT_USAGE

    return run


def _load(command: Command) -> tuple[Configure, Run]:
    """Import the module of a command; the one place that imports while running."""
    try:
        module = import_module(command.module)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in {"", "error_manager"}:
            raise
        raise MissingExtraError(command.name, package=package, extra=command.extra) from error
    return module.configure, module.run


def _explain(error: ErrorManagerError) -> str:
    """Return the message of an error and what to do about it."""
    match error:
        case ConfigurationError(problems=problems):
            listed = "\n".join(f"  - {problem}" for problem in problems)
            return f"the configuration is wrong:\n{listed}\nNothing was started. Correct these and try again."
        case NotRunningError():
            return str(error)
        case StorageUnavailableError() | IndexUnavailableError():
            return (
                f"{error}\nIs the server running? `error-manager doctor` says what is wrong; then try again."
            )
        case _:
            return f"{error}\n`error-manager doctor` checks the installation. (error code: {error.code})"


def _exit_code(error: ErrorManagerError) -> int:
    match error:
        case StorageUnavailableError() | IndexUnavailableError():
            return EXIT_TRY_AGAIN
        case ConfigurationError():
            return EXIT_USAGE
        case _:
            return EXIT_FAILED


def _complain(who: str, text: str) -> None:
    print(f"{who}: {text}", file=sys.stderr)
