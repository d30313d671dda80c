"""What the command says of the server."""

import argparse

from error_manager.cli import status
from error_manager.cli.status import _analysis_lines, _ledger_lines


def test_the_database_s_estimate_is_called_one():
    """PostgreSQL only estimates its rows; the ledger beside it is exact."""
    answer = {
        "ledger": {"received": 7, "waiting": 0, "outcomes": {"accepted": 7}, "unexplained": 0},
        "database": {"version": "18.4", "errors": 0, "patterns": 1, "size_bytes": 0, "dead_letters": 0},
    }
    assert "about 0 errors, 1 pattern," in "\n".join(_ledger_lines(answer))


def test_what_is_to_be_known_of_a_step_is_said():
    """That it failed and why, or that it looked at a part only."""
    run = {"step": "month", "started_at": "2026-05-04T12:00:00Z", "took_s": 1.0, "cpu_s": 1.0, "items": 2}
    runs = [
        {**run, "is_done": True, "detail": ""},
        {**run, "is_done": True, "detail": "in part"},
        {**run, "is_done": False, "detail": "locked"},
    ]
    _, _, quiet, part, failed = _analysis_lines({"runs": runs})
    assert [line.rpartition("             2")[2] for line in (quiet, part, failed)] == [
        "",
        "  in part",
        "  FAILED: locked",
    ]


def test_a_folder_without_a_server_comes_with_the_one_to_name(tmp_path, capsys):
    """The default folder is not the one `make run` uses."""
    parser = argparse.ArgumentParser()
    status.configure(parser)
    assert status.run(parser.parse_args(["--data-dir", str(tmp_path)])) == 1
    assert "Name the server's folder with --data-dir" in capsys.readouterr().out
