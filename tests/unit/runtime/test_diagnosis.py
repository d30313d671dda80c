"""The checks of the doctor, each on a folder with one fault."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from error_manager.runtime.connection_file import Connection, write_connection
from error_manager.runtime.data_folder import lock_folder, open_folder
from error_manager.runtime.diagnosis import Finding, Verdict, diagnose
from error_manager.runtime.settings import load_settings


def _findings(folder: Path, port: int, **values: object) -> dict[str, Finding]:
    given_values = {key.replace("__", "."): value for key, value in values.items()}
    settings = load_settings({"data_dir": folder, "server.port": port, **given_values}, environ={})
    return {finding.name: finding for finding in diagnose(settings)}


def test_a_fresh_folder_has_nothing_bad(tmp_path, free_port):
    """Before the first start everything is in order, and nothing is made by looking."""
    findings = _findings(tmp_path / "data", free_port)
    assert [f for f in findings.values() if f.verdict is Verdict.BAD] == []
    assert not (tmp_path / "data").exists()


def _lose_key(folder: Path) -> None:
    (folder / "state" / "master.check").write_text("x")


def _open_key(folder: Path) -> None:
    (folder / "keys" / "master-1.key").write_text("x")
    (folder / "keys" / "master-1.key").chmod(0o644)


def _open_folder(folder: Path) -> None:
    folder.chmod(0o755)


@pytest.mark.parametrize(
    ("spoil", "name", "verdict"),
    [
        (_lose_key, "keys", Verdict.BAD),
        (_open_key, "keys", Verdict.BAD),
        (_open_folder, "data folder", Verdict.WARNING),
    ],
)
def test_a_fault_of_the_folder_is_found_with_its_remedy(
    tmp_path, free_port, spoil: Callable[[Path], None], name, verdict
):
    """Each fault is found under its name, and says what to do."""
    folder = tmp_path / "data"
    open_folder(folder)
    spoil(folder)
    finding = _findings(folder, free_port)[name]
    assert (finding.verdict, bool(finding.remedy)) == (verdict, True)


def test_a_taken_port_is_found(tmp_path):
    """A port that another program listens on is bad."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        findings = _findings(tmp_path, taken.getsockname()[1])
    assert findings["port"].verdict is Verdict.BAD


def test_an_open_address_without_tls_is_a_warning(tmp_path, free_port):
    """Others could read along."""
    assert _findings(tmp_path, free_port, server__host="0.0.0.0")["exposure"].verdict is Verdict.WARNING


def test_a_database_that_is_away_is_bad_and_named(tmp_path, free_port):
    """Each of the three URLs is tried, and none shows its password."""
    url = f"postgresql://u:hunter2@127.0.0.1:{free_port}/d"
    findings = _findings(tmp_path, free_port, database__url=url)
    bad = {name for name, finding in findings.items() if finding.verdict is Verdict.BAD}
    assert bad == {"database.url", "database.session_url", "database.owner_url"}
    assert "hunter2" not in str(findings)


def test_the_port_of_a_running_server_is_the_one_it_answers_at(tmp_path, free_port):
    """Started with another --port, the settings of this command do not know it; connection.json does."""
    open_folder(tmp_path)
    lock = lock_folder(tmp_path)
    try:
        assert "not ready yet" in _findings(tmp_path, free_port)["port"].text
        url = "http://127.0.0.1:9123"
        connection = Connection(url=url, dsn=f"{url}/1", ingest_key="k", admin_token="t", project_id=1)
        write_connection(tmp_path, connection)
        text = _findings(tmp_path, free_port)["port"].text
    finally:
        lock.release()
    assert url in text
    assert str(free_port) not in text


def test_a_folder_nobody_uses_comes_with_the_one_to_name(tmp_path, free_port):
    """Most often the server has another one."""
    finding = _findings(tmp_path / "data", free_port)["data folder"]
    assert (finding.verdict, "--data-dir" in finding.remedy) == (Verdict.GOOD, True)
