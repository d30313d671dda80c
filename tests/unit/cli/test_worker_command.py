"""The analysing process starts that of the hour with its own settings, however they were written."""

from __future__ import annotations

import argparse
import sys

import pytest

from error_manager.cli import worker
from error_manager.runtime import analysis_worker
from error_manager.runtime.settings import load_settings

_OURS = [sys.executable, "-P", "-m", "error_manager", "worker"]


def _parsed(words):
    parser = argparse.ArgumentParser()
    worker.configure(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize(
    "words",
    [
        ["--role", "analysis", "--index", "2", "--pipe-fd", "5"],
        ["--role=analysis", "--index=2", "--pipe-fd=5"],
        ["--ro=analysis", "--ind=2", "--pipe=5"],
    ],
)
def test_the_hour_runs_with_the_settings_of_this_process(tmp_path, monkeypatch, words):
    """Its command line says the same as ours, with the role of the hour and without our pipe."""
    commands = []

    async def run(settings, *, hour_command, **_):
        commands.append((settings.data_dir, hour_command))

    monkeypatch.setattr(analysis_worker, "run", run)
    monkeypatch.setattr(worker, "configure_logging", lambda _: None)
    monkeypatch.setattr(analysis_worker, "compute_in_little_memory", lambda: None)
    monkeypatch.setattr(analysis_worker.os, "nice", lambda _: 0)
    monkeypatch.setattr(analysis_worker, "run_until_told", _run_at_once)
    ours = _parsed([*words, f"--data-dir={tmp_path}", "--set=retention_days=7"])
    assert worker.run(ours) == 5
    ((data_dir, command),) = commands
    assert list(command[: len(_OURS)]) == _OURS
    theirs = _parsed(command[len(_OURS) :])
    assert (theirs.role, theirs.index, theirs.pipe_fd) == ("analysis-hour", 2, None)
    assert load_settings(worker.given_settings(theirs)).retention_days == 7
    assert theirs.data_dir == data_dir == tmp_path


def _run_at_once(main, *, pipe_fd):
    with pytest.raises(StopIteration):
        main(None).send(None)
    return pipe_fd
