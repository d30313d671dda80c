"""The options that every command with settings has: the data folder and any single setting."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from error_manager.core.errors import ConfigurationError
from error_manager.runtime.presence import require_running
from error_manager.runtime.settings import Settings, all_settings, default_data_dir, load_settings


def add_settings_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--data-dir DIR`` and ``--set KEY=VALUE``."""
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help=f"the data folder (default {default_data_dir()})"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="assignments",
        metavar="KEY=VALUE",
        help="any setting, such as server.processes=4; docs/reference/settings.md lists them",
    )


def settings_of(args: argparse.Namespace, overrides: Mapping[str, object] | None = None) -> Settings:
    """Return the settings of a command line.

    Args:
        args: parsed with the options above.
        overrides: dotted key -> value of a command's own options; None values are not given.

    Raises:
        ConfigurationError: with everything that is wrong in any source.
    """
    return load_settings(given_settings(args, overrides))


def running_settings_of(args: argparse.Namespace) -> Settings:
    """Return the settings of a command that needs the database, once that can be there.

    Raises:
        ConfigurationError: as ``settings_of``.
        DataFolderError: the server was never ready on the data folder.
        NotRunningError: the server does not run.
    """
    settings = settings_of(args)
    require_running(settings)
    # What the pool has to say of a database that goes away reaches the caller as an exception, in our words.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    return settings


def given_settings(
    args: argparse.Namespace, overrides: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Return what the command line says, by dotted key.

    Raises:
        ConfigurationError: an assignment lacks its ``=``, or gives a secret.
    """
    given: dict[str, object] = {}
    problems = []
    secrets = {info.key: info.variable for info in all_settings() if info.is_secret}
    for text in args.assignments:
        key, separator, value = text.partition("=")
        if key.strip() in secrets:
            problems.append(
                f"{key.strip()}: everyone on this machine can read command lines; "
                f"put it into config.toml or {secrets[key.strip()]}"
            )
        elif separator:
            given[key.strip()] = value
        else:
            problems.append(f"--set {text}: expected KEY=VALUE")
    if problems:
        raise ConfigurationError(problems)
    given.update({key: value for key, value in (overrides or {}).items() if value is not None})
    if args.data_dir is not None:
        given["data_dir"] = args.data_dir
    return given


def words_of(given: Mapping[str, object], data_dir: Path) -> Sequence[str]:
    """Return the command line that gives another process the same settings."""
    words = ["--data-dir", str(data_dir)]
    for key, value in given.items():
        if key != "data_dir":
            words += ["--set", f"{key}={value}"]
    return words
