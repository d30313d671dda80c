"""The options of every command with settings."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from error_manager.cli.options import add_settings_options, given_settings, words_of
from error_manager.core.errors import ConfigurationError


def parsed(*words):
    """Return what a command line says."""
    parser = argparse.ArgumentParser()
    add_settings_options(parser)
    return given_settings(parser.parse_args(words))


def test_another_process_gets_the_same_settings():
    """The words made from a command line say the same as it did."""
    given = parsed("--set", "server.port=9000", "--set", "retention_days=7")
    assert given == {"server.port": "9000", "retention_days": "7"}
    assert parsed(*words_of(given, Path("data"))) == {**given, "data_dir": Path("data")}


def test_a_secret_is_refused_on_the_command_line():
    """It would be seen by everyone, and not reach the other processes; the message says where it belongs."""
    with pytest.raises(ConfigurationError, match="ERROR_MANAGER_DATABASE__URL"):
        parsed("--set", "database.url=postgresql://em:word@host/db")
