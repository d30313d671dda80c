"""What the demo says while it writes."""

from __future__ import annotations

import time

import pytest

from error_manager.cli.demo import _Teller
from error_manager.runtime.demo.importer import Progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves when told."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_the_first_line_says_how_many_into_what_and_how_long(capsys):
    """And on a later run what is there already."""
    _Teller(total=200_000, done=0).begin("http://h:1 (/srv/em)")
    first = capsys.readouterr().out.splitlines()[0]
    assert first == (
        "Writing 200,000 errors of 14 days into http://h:1 (/srv/em): about 2 minutes on two free cores."
    )
    _Teller(total=200_000, done=150_000).begin("x")
    assert "150,000 of them are there already: less than a minute." in capsys.readouterr().out


def test_without_a_terminal_a_line_comes_every_ten_seconds(clock, capsys):
    """A log is not filled with a line per batch, and not silent for minutes."""
    say = _Teller(total=4_000, done=0)
    with say:
        for _ in range(8):
            clock[0] += 4
            say.hear(Progress(stored=500))
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "1,500 of 4,000 errors",
        "3,000 of 4,000 errors",
        "4,000 errors of 14 days in 32 s (125/s).",
    ]


def test_a_database_that_is_away_is_said_once_each_time(clock, capsys):
    """Tries come twice a second from two processes; the line comes when it goes away."""
    say = _Teller(total=4_000, done=0)
    for told in (*[Progress(is_away=True)] * 5, Progress(stored=500), Progress(is_away=True)):
        say.hear(told)
    assert capsys.readouterr().out.count("The database is away") == 2


def test_an_interrupted_run_says_what_is_written(capsys):
    """Ctrl-C and SIGTERM alike."""
    say = _Teller(total=4_000, done=1_000)
    say.hear(Progress(stored=500))
    with pytest.raises(KeyboardInterrupt), say:
        raise KeyboardInterrupt
    assert capsys.readouterr().out.startswith("Stopped: 1,500 of 4,000 errors are written.")
