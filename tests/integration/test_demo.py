"""The demo, stopped and run again, without a terminal, against a real database."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from error_manager.core.errors import StorageUnavailableError
from error_manager.runtime.data_folder import open_folder
from error_manager.runtime.demo import importer
from error_manager.runtime.demo.importer import Progress
from error_manager.security.encryption import load_master_key
from error_manager.storage.postgres.connection import connect_sync

ERRORS = 6_000


@pytest.fixture
def start(tmp_path, database) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Give what starts the demo on a data folder with keys and a database of its own; no run outlives it."""
    processes: list[subprocess.Popen[str]] = []
    open_folder(tmp_path / "data")
    load_master_key(tmp_path / "data" / "keys" / "master-1.key")
    command = [sys.executable, "-m", "error_manager", "demo", "--data-dir", str(tmp_path / "data")]
    environment = {**os.environ, "ERROR_MANAGER_DATABASE__URL": database.url}

    def started() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*command, "--errors", str(ERRORS)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        processes.append(process)
        return process

    yield started
    for process in processes:
        process.kill()
        process.communicate()


def stored(url: str) -> tuple[int, int]:
    """Return how many errors there are, and on how many days."""
    query = "SELECT count(*), count(DISTINCT timestamp::date) FROM project_errors"
    with connect_sync(url, application_name="tests", statement_timeout_s=None, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0], row[1]


def test_a_demo_that_is_ended_goes_on_at_the_next_run(start, database, tmp_path: Path) -> None:
    """SIGTERM ends it with one line and no noise; the next run adds what is missing, then nothing."""
    process = start()
    until = time.monotonic() + 60
    while stored(database.url)[0] < 600 and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    lines = out.splitlines()
    assert lines[0].startswith(f"Writing {ERRORS:,} errors of 14 days into ")
    assert lines[-1].startswith("Stopped: ")
    written, _ = stored(database.url)
    truth = json.loads((tmp_path / "data" / "files" / "demo-truth.json").read_text())
    planned = truth["errors"]
    lasts = datetime.fromisoformat(truth["end"]) - datetime.fromisoformat(truth["start"])
    assert written < planned

    out, err = (process := start()).communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert "of them are there already" in out
    days = math.ceil(lasts / timedelta(days=1))  # 13 in the first hour of a UTC day
    assert stored(database.url) == (planned, days)

    out, err = (process := start()).communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "are there already. Another --seed" in out
    assert stored(database.url)[0] == planned


class Told:
    """The end of a pipe that keeps what is sent."""

    def __init__(self) -> None:
        self.words: list[Progress] = []

    def send(self, word: Progress) -> None:
        """Keep it."""
        self.words.append(word)


async def test_a_database_that_is_away_is_tried_again_for_a_minute(monkeypatch) -> None:
    """Each failed try is told; after a minute the step gives up, which ends the demo with exit code 75."""
    monkeypatch.setattr(importer, "_RETRY_S", 0.0)
    left = [StorageUnavailableError(), StorageUnavailableError()]

    async def step() -> None:
        if left:
            raise left.pop()

    told = Told()
    await importer._patiently(step, told)
    assert told.words == [Progress(is_away=True)] * 2
    monkeypatch.setattr(importer, "_PATIENCE_S", 0.0)
    left.append(StorageUnavailableError())
    with pytest.raises(StorageUnavailableError):
        await importer._patiently(step, told)
