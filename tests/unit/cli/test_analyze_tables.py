"""`error-manager analyze` of CSV with metrics and alarms, as it is run."""

from __future__ import annotations

import csv
import gzip
import io
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import zstandard

from error_manager.cli.main import main

START = datetime(2026, 11, 1, tzinfo=UTC)


def metric(*, spike: float | None = 80.0) -> str:
    """Return a share that scatters, one value a minute, with a spike at the 300th."""
    values = np.random.default_rng(7).uniform(10, 12, 360).round(2)
    if spike is not None:
        values[300] = spike
    lines = [f"{START + timedelta(minutes=at):%Y-%m-%d %H:%M:%S},{value}" for at, value in enumerate(values)]
    return "\n".join(["Timestamp,errors bob@example.com", *lines])


def alarms() -> str:
    """Return two days of alarms: LinkDown brings BgpLost within seconds, DiskFull comes by itself."""
    rng = np.random.default_rng(4)
    rows = []
    for host in range(8):
        for kind in ("LinkDown", "DiskFull"):
            for at_s in rng.uniform(0, 172_800, 25):
                rows.append((at_s, kind, host))
                if kind == "LinkDown":
                    rows.append((at_s + 4, "BgpLost", host))
    lines = [
        f"host-{host};{kind};{START + timedelta(seconds=int(at_s)):%Y-%m-%dT%H:%M:%SZ}"
        for at_s, kind, host in sorted(rows)
    ]
    return "\n".join(["Instance;Alert Name;Starts At", *lines])


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_planted_moment_is_told(tmp_path, capsys):
    """A metric is known by its header; the spike is printed and in the report, names are masked."""
    (tmp_path / "m.csv").write_text(metric(), encoding="utf-8")
    report = tmp_path / "report"
    assert main(["analyze", str(tmp_path / "m.csv"), "--report", str(report)]) == 0
    out = capsys.readouterr().out
    assert "360 rows, 2026-11-01 00:00:00 to 2026-11-01 05:59:00 UTC" in out
    assert "1 notable moment\n" in out
    (moment,) = rows(report / "moments.csv")
    assert (moment["line"], moment["time"], moment["value"]) == ("302", "2026-11-01 05:00:00", "80.0")
    assert [row["values"] for row in rows(report / "columns.csv")] == ["360"]
    page = (report / "report.html").read_text(encoding="utf-8")
    assert "<polyline" in page
    assert f"Report: {report / 'report.html'} (also moments.csv and columns.csv)" in out
    assert not any("bob@example.com" in text for text in (out, page))


def test_quiet_series_tells_nothing(tmp_path, capsys):
    """Without the spike there is nothing to tell."""
    (tmp_path / "m.csv").write_text(metric(spike=None), encoding="utf-8")
    assert main(["analyze", str(tmp_path / "m.csv"), "--input", "metric"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("nothing notable")


def test_names_of_alarms_are_masked(tmp_path, capsys):
    """What is printed and written of alarms is masked, as in the server."""
    text = alarms().replace("DiskFull", "DiskFull of bob@example.com")
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    assert main(["analyze", str(tmp_path / "a.csv"), "--report", str(tmp_path / "report")]) == 0
    files = [path.read_text(encoding="utf-8") for path in (tmp_path / "report").iterdir()]
    texts = [capsys.readouterr().out, *files]
    assert [("DiskFull" in text, "bob@example.com" in text) for text in texts] == [(True, False)] * 3


def test_planted_cause_is_told(tmp_path, capsys):
    """Alarms are known by their header; the cause is reported in its direction alone."""
    (tmp_path / "a.csv").write_text(alarms(), encoding="utf-8")
    report = tmp_path / "report"
    assert main(["analyze", str(tmp_path / "a.csv"), "--report", str(report), "--top", "2"]) == 0
    out = capsys.readouterr().out
    assert "600 alarms of 3 kinds (Alert Name) in 8 places (Instance)" in out
    assert "Clock tick: 1 s." in out
    marked = [line.rpartition("%  ")[2] for line in out.split("\n") if line.startswith("*")]
    assert marked == ["LinkDown -> BgpLost"]
    told = [(row["cause"], row["effect"]) for row in rows(report / "pairs.csv") if row["reported"] == "1"]
    assert (told, len(rows(report / "pairs.csv"))) == ([("LinkDown", "BgpLost")], 6)
    assert 'class="edge"' in (report / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_packed_tables_in_folders(tmp_path, capsys, ending):
    """A folder with a packed table is read."""
    pack = {".gz": gzip.compress, ".zst": zstandard.compress}[ending]
    (tmp_path / f"a.csv{ending}").write_bytes(pack(alarms().encode()))
    (tmp_path / "notes.txt").write_text("no table\n", encoding="utf-8")
    assert main(["analyze", str(tmp_path), "--input", "alarms"]) == 0
    assert "600 alarms" in capsys.readouterr().out


def test_standard_input(monkeypatch, capsys):
    """A table comes from standard input as well, when it is said what it is."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"ts,x\n1,5\n2,6\n")))
    assert main(["analyze", "-", "--input", "metric"]) == 0
    assert "standard input: 2 rows, 1 s to 2 s" in capsys.readouterr().out


def test_each_file_is_a_metric_of_its_own(tmp_path, capsys):
    """Two files with columns of one name are told apart."""
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("ts,x\n1,5\n2,6\n", encoding="utf-8")
    assert main(["analyze", str(tmp_path), "--input", "metric"]) == 0
    out = capsys.readouterr().out
    assert [out.count(f"{name}: 2 rows") for name in ("a.csv", "b.csv")] == [1, 1]


def test_log_in_csv_stays_a_log(tmp_path, capsys):
    """A header that leaves doubt is analyzed as lines, as before."""
    (tmp_path / "a.csv").write_text("timestamp,level,host\n2026-01-01 10:00:00,INFO,a\n", encoding="utf-8")
    assert main(["analyze", str(tmp_path / "a.csv")]) == 0
    assert "2 records" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--input", "metric", "--assignments", "x.csv"],
            "log lines or errors, and no metric",
        ),
        (
            ["--input", "alarms", "--assignments", "x.csv"],
            "log lines or errors, and no alarms",
        ),
        (["--input", "metric", "--follow"], "--follow takes log lines"),
        (["--input", "alarms"], "a.csv line 1: no column with the kind of alarm"),
        (["--input", "metric", "--report", "a.csv"], "--report a.csv: is no folder"),
        (
            ["--input", "metric", "--report", "a.csv/b"],
            "a.csv/b/report.html: cannot be written: Not a directory",
        ),
    ],
)
def test_what_does_not_go_is_refused(tmp_path, monkeypatch, capsys, words, told):
    """Arguments of log lines, and a table of something else, end with exit code 2 and a word."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("ts,x\n1,5\n2,6\n", encoding="utf-8")
    assert main(["analyze", "a.csv", *words]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "x.csv").exists()


def test_missing_extra_is_named(tmp_path):
    """Without site-packages a table is refused with the extra that scores it."""
    (tmp_path / "m.csv").write_text("ts,x\n1,5\n2,6\n", encoding="utf-8")
    source = Path(main.__code__.co_filename).parents[2]
    load = f"import sys; sys.path[:0] = [{str(source)!r}]; import error_manager.cli.main as m"
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", f"{load}; sys.exit(m.main())", "analyze", str(tmp_path / "m.csv")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "error-manager[server]" in done.stderr
