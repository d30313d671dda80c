import csv
import gzip
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from error_manager.cli.main import main
from error_manager.cli.progress import bar

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
    """Lines become templates with counts; a trace and the line above it are one error."""
    (tmp_path / "a.log").write_text(LOG, encoding="utf-8")
    code = main(["analyze", str(tmp_path / "a.log"), "--assignments", str(tmp_path / "out.csv")])
    out = capsys.readouterr().out
    assert (code, "3 records, 3 patterns" in out, "charge <*> failed for user <*>" in out) == (0, True, True)
    found = rows(tmp_path / "out.csv")
    trace = found[0]["EventId"]
    assert trace.startswith("T")
    assert [row["EventId"] for row in found] == [trace] * 4 + ["E1", "E2"]


def test_packed_folders_and_reports(tmp_path, capsys):
    """A folder with .gz files is read; the report is written in three forms, masked."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "a.log.gz").write_bytes(gzip.compress(LOG.encode()))
    assert main(["analyze", str(logs), "--report", str(tmp_path / "report")]) == 0
    found = json.loads((tmp_path / "report" / "patterns.json").read_text(encoding="utf-8"))
    assert [(row["count"], row["severity"], row["where"]) for row in found["patterns"]] == [
        (1, "error", "charge in pay.py:3"),
        (1, "error", "shop.pay"),
        (1, "warning", "shop.mail"),
    ]
    assert [row["count"] for row in rows(tmp_path / "report" / "patterns.csv")] == ["1", "1", "1"]
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
    assert (done.returncode, "3 records, 3 patterns" in done.stdout) == (0, True), done.stderr
    notes = [line for line in done.stdout.split("\n") if "need the extra 'server'" in line]
    assert len(notes) == 1


def test_findings_beyond_patterns(tmp_path, capsys):
    """A pair that follows, and advice, are in the table and all files of the report, masked."""
    start = datetime(2026, 11, 23, tzinfo=UTC)
    lines = []
    for number in range(30):
        at = start + timedelta(minutes=17 * number, seconds=number * number % 50)
        lines.append(
            f"{at:%Y-%m-%d %H:%M:%S} ERROR [main] shop.db: connection pool exhausted for a@example.com"
        )
        lines.append(
            f"{at + timedelta(seconds=4):%Y-%m-%d %H:%M:%S} ERROR [main] shop.pay: order {number} failed"
        )
    (tmp_path / "a.log").write_text("\n".join(lines), encoding="utf-8")
    report = tmp_path / "report"
    assert main(["analyze", str(tmp_path / "a.log"), "--report", str(report)]) == 0
    out = capsys.readouterr().out
    found = json.loads((report / "patterns.json").read_text(encoding="utf-8"))["findings"]
    texts = [(report / name).read_text(encoding="utf-8") for name in ("report.html", "findings.csv")]
    assert [(pair["cause"], pair["effect"]) for pair in found["follows"]] == [("E1", "E2")]
    assert [("What follows what" in out), ("What to do" in out)] == [True, True]
    assert [row["kind"] for row in rows(report / "findings.csv")] == ["follows", "advice", "advice"]
    assert not any("a@example.com" in text for text in [out, *texts, json.dumps(found)])


def test_findings_can_be_left_out(tmp_path, capsys):
    """With --no-findings there are patterns alone, in the table and in the report."""
    (tmp_path / "a.log").write_text("2026-11-23 10:00:00 ERROR [main] a: No space left on device\n" * 3)
    assert main(["analyze", str(tmp_path / "a.log"), "--no-findings", "--report", str(tmp_path / "r")]) == 0
    assert "What to do" not in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == [
        "patterns.csv",
        "patterns.json",
        "report.html",
    ]
    assert main(["analyze", str(tmp_path / "a.log")]) == 0
    assert "What to do" in capsys.readouterr().out


def run(*words):
    """Start the program in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "error_manager", "analyze", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_large_inputs_are_scanned_in_other_processes(tmp_path, monkeypatch, capsys):
    """With two processes the table and the assignments are those of one."""
    lines = [f"2026-11-23 10:00:00 ERROR order {n} of {chr(97 + n % 26) * 5} failed\n" for n in range(9_000)]
    path = tmp_path / "a.log"
    path.write_text("".join(lines), encoding="utf-8")
    monkeypatch.setattr("error_manager.storage.log_files.BLOCK_BYTES", 100_000)
    told = []
    for limit in (10**9, 0):
        monkeypatch.setattr("error_manager.cli.analyze._APART_BYTES", limit)
        monkeypatch.setattr("os.cpu_count", lambda: 2)
        assert main(["analyze", str(path), "--assignments", str(tmp_path / f"{limit}.csv")]) == 0
        told.append((capsys.readouterr().out, (tmp_path / f"{limit}.csv").read_text(encoding="utf-8")))
    assert told[0] == told[1]
    assert "9,000 records" in told[0][0]


def test_following_ends_with_the_table(tmp_path):
    """New patterns are printed as lines while the file grows and is rotated; Ctrl-C prints the table."""
    path = tmp_path / "a.log"
    path.write_text("2026-11-23 10:00:00 ERROR order 1 failed\n", encoding="utf-8")
    with run("--follow", str(path)) as process:
        assert process.stdout.readline() == "new 2026-11-23 10:00:00 error order <*> failed\n"
        path.rename(tmp_path / "a.log.1")
        path.write_text("2026-11-23 10:00:01 WARN queue is full\n", encoding="utf-8")
        assert process.stdout.readline() == "new 2026-11-23 10:00:01 warning queue is full\n"
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=20)
    assert (process.returncode, error) == (0, "")
    assert "2 records, 2 patterns" in out


def test_what_cannot_be_followed_is_refused(tmp_path, capsys):
    """Standard input, packed files and assignments do not go with --follow."""
    assert main(["analyze", "--follow", "-", "a.gz"]) == 2
    told = capsys.readouterr().err
    assert ("-: cannot be followed" in told, "a.gz: cannot be followed" in told) == (True, True)
    assert main(["analyze", "--follow", str(tmp_path), "--assignments", str(tmp_path / "a.csv")]) == 2
    assert "no --assignments" in capsys.readouterr().err


def test_missing_extra_for_zstd_is_named(tmp_path):
    """Without site-packages a .zst file is refused with the extra that reads it."""
    (tmp_path / "a.log.zst").write_bytes(b"")
    source = Path(main.__code__.co_filename).parents[2]
    load = f"import sys; sys.path[:0] = [{str(source)!r}]; import error_manager.cli.main as m"
    done = subprocess.run(
        [
            sys.executable,
            "-S",
            "-I",
            "-c",
            f"{load}; sys.exit(m.main())",
            "analyze",
            str(tmp_path / "a.log.zst"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "error-manager[server]" in done.stderr


def test_progress_bar():
    """The bar says share, amount, speed and time left; without a total what was read."""
    assert bar(50_000_000, 100_000_000, 1_000_000, 10.0) == (
        "[###############...............]  50%  50 MB  100,000 lines/s  0:10 left"
    )
    assert bar(0, 0, 10, 1.0) == "10 lines  0 MB  10 lines/s"
