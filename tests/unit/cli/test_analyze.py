import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from error_manager.cli.main import main

LOG = """\
2026-11-23 10:00:00,123 ERROR [main] shop.pay: charge 12 failed for user bob@example.com
Traceback (most recent call last):
  File "pay.py", line 3, in charge
ValueError: bad
2026-11-23 10:00:01,123 ERROR [main] shop.pay: charge 15 failed for user ann@example.com
2026-11-23 10:00:02,123 WARN [main] shop.mail: queue is full
"""


def sentry_error(key: str, value: str, line: int) -> dict[str, object]:
    """Return one line of JSONL as a Sentry client words it."""
    frame = {
        "function": "charge",
        "module": "shop.pay",
        "filename": "shop/pay.py",
        "lineno": line,
        "in_app": True,
    }
    exception = {"type": "ValueError", "value": value, "stacktrace": {"frames": [frame]}}
    return {"id": key, "event": {"platform": "python", "exception": {"values": [exception]}}}


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_log_lines(tmp_path, capsys):
    """Lines become templates with counts; the frames of a trace belong to the line above them."""
    (tmp_path / "a.log").write_text(LOG, encoding="utf-8")
    code = main(["analyze", str(tmp_path / "a.log"), "--assignments", str(tmp_path / "out.csv")])
    out = capsys.readouterr().out
    assert (code, "3 errors, 2 patterns" in out, "charge <*> failed for user <*>" in out) == (0, True, True)
    assert [row["EventId"] for row in rows(tmp_path / "out.csv")] == ["E1", "E1", "E1", "E1", "E1", "E2"]


def test_packed_folders_and_reports(tmp_path, capsys):
    """A folder with .gz files is read; the report is written in three forms, masked."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "a.log.gz").write_bytes(gzip.compress(LOG.encode()))
    assert main(["analyze", str(logs), "--report", str(tmp_path / "report")]) == 0
    found = json.loads((tmp_path / "report" / "patterns.json").read_text(encoding="utf-8"))
    assert [(row["count"], row["severity"], row["where"]) for row in found["patterns"]] == [
        (2, "error", "shop.pay"),
        (1, "warning", "shop.mail"),
    ]
    assert [row["count"] for row in rows(tmp_path / "report" / "patterns.csv")] == ["2", "1"]
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    assert "bob@example.com" not in page
    assert "[email]" in page
    assert "report.html" in capsys.readouterr().out


def test_errors_in_jsonl(tmp_path, capsys):
    """Errors are grouped by the server's fingerprint; lines that hold none are passed over."""
    errors = [sentry_error("a", "x", 3), sentry_error("b", "y", 5), {"no": "error", "event": 1}]
    native = {"message": "down", "severity": "critical", "event_id": "0" * 32}
    path = tmp_path / "errors.jsonl"
    path.write_text("\n".join(map(json.dumps, [*errors[:2], native])) + "\nnot json\n", encoding="utf-8")
    assert main(["analyze", str(path), "--assignments", str(tmp_path / "out.csv")]) == 0
    groups = {row["id"]: row["group"] for row in rows(tmp_path / "out.csv")}
    assert groups["a"] == groups["b"]
    assert len(groups) == 3
    assert "ValueError: " in capsys.readouterr().out


def test_missing_paths_are_all_named(tmp_path, capsys):
    """Every path that cannot be read is named at once; the exit code is 2."""
    (tmp_path / "empty").mkdir()
    assert main(["analyze", str(tmp_path / "no.log"), str(tmp_path / "empty")]) == 2
    told = capsys.readouterr().err
    assert ("no.log: no such file" in told, "empty: no file ending in" in told) == (True, True)


@pytest.mark.parametrize("cell", ["=1+1", "@x", "+1", "-1"])
def test_cells_that_a_spreadsheet_would_run_are_quoted(tmp_path, cell):
    """A message that begins like a formula is written with a quote in front."""
    (tmp_path / "a.txt").write_text(f"{cell} is the message\n", encoding="utf-8")
    main(["analyze", str(tmp_path / "a.txt"), "--report", str(tmp_path)])
    assert rows(tmp_path / "patterns.csv")[0]["sample"].startswith("'")


def test_log_lines_need_the_standard_library_alone(tmp_path):
    """Without site-packages log lines are analyzed all the same."""
    (tmp_path / "a.log").write_text(LOG, encoding="utf-8")
    source = Path(main.__code__.co_filename).parents[2]
    load = f"import sys; sys.path[:0] = [{str(source)!r}]; import error_manager.cli.main as m"
    run = f"{load}; sys.exit(m.main())"
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", run, "analyze", str(tmp_path / "a.log")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "3 errors, 2 patterns" in done.stdout) == (0, True), done.stderr
