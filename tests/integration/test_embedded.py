"""The embedded server: started, killed, left behind, half made; as root and as a user."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest

from error_manager.core.errors import DataFolderError
from error_manager.runtime.data_folder import open_folder, service_account
from error_manager.storage.postgres.cluster import APP, SUPERUSER, Cluster, open_cluster
from error_manager.storage.postgres.connection import connect_sync
from error_manager.storage.postgres.embedded import EmbeddedPostgres, ServerState
from error_manager.storage.postgres.roles import ensure_roles
from error_manager.storage.postgres.server_config import ClusterOptions

_OPTIONS = ClusterOptions(shared_buffers_mb=16)


def _no(_: str) -> None:
    return


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder whose server was started once, with roles and one table, and stopped in order."""
    folder = Path(tempfile.mkdtemp(prefix="em-made-"))
    folder.chmod(0o711)
    data_dir = folder / "data"
    open_folder(data_dir)
    server = _server(data_dir)
    server.start(_no)
    try:
        ensure_roles(server.cluster)
        with connect_sync(
            server.cluster.url(SUPERUSER), application_name="test", autocommit=True
        ) as connection:
            connection.execute("CREATE TABLE kept (id integer); INSERT INTO kept VALUES (42)")
    finally:
        server.stop()
    yield data_dir
    shutil.rmtree(folder)


@pytest.fixture
def data_dir(made: Path) -> Iterator[Path]:
    """A copy of the made folder for one test."""
    target = made.parent / f"copy-{time.monotonic_ns()}"
    subprocess.run(["cp", "-a", made, target], check=True)
    yield target
    shutil.rmtree(target)


@pytest.fixture
def server(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    """A server on the copy, not started; stopped at the end."""
    server = _server(data_dir)
    yield server
    server.stop(is_immediate=True)


def _server(data_dir: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(open_cluster(data_dir, service_account()), _OPTIONS)


def _kept(cluster: Cluster) -> int:
    with connect_sync(cluster.url(SUPERUSER), application_name="test") as connection:
        row = connection.execute("SELECT id FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def test_data_survives_a_stop_and_a_start(server) -> None:
    """What was stored is there after the server was started again."""
    server.start(_no)
    assert _kept(server.cluster) == 42


def test_it_recovers_from_kill_9_of_its_main_process(server) -> None:
    """After kill -9 the next start waits for what is left of the old server and recovers."""
    server.start(_no)
    os.kill(server.pid, signal.SIGKILL)
    said: list[str] = []
    server.start(said.append)
    assert _kept(server.cluster) == 42
    assert any("recovers" in line for line in said)


def test_a_server_that_was_left_behind_is_stopped_first(server) -> None:
    """A server without supervisor on this folder is ended, never shared and never doubled."""
    server.start(_no)
    orphan = psutil.Process(server.pid)
    fresh = EmbeddedPostgres(server.cluster, _OPTIONS)
    try:
        said: list[str] = []
        fresh.start(said.append)
        assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
        assert any("left behind" in line for line in said)
        assert _kept(fresh.cluster) == 42
    finally:
        fresh.stop(is_immediate=True)


@pytest.mark.parametrize(
    "content",
    ["", "12", f"{os.getpid()}\n/elsewhere\n", "x" * 5000, "999999999\n"],
    ids=["empty", "torn", "pid in use", "garbage", "pid not in use"],
)
def test_a_stale_pid_file_does_not_keep_it_from_starting(server, content) -> None:
    """Empty, half-written, of a dead process or of a reused pid: the file is removed, the server starts."""
    (server.cluster.pgdata / "postmaster.pid").write_text(content)
    server.start(_no)
    assert _kept(server.cluster) == 42


def test_an_interrupted_first_start_is_done_again(server) -> None:
    """A cluster without marker never held data: it is moved aside, kept, and made anew."""
    server.cluster.marker.unlink()
    (server.cluster.pgdata / "global" / "pg_control").unlink()
    said: list[str] = []
    server.start(said.append)
    aside = list(server.cluster.pgdata.parent.glob("18.unfinished-*"))
    assert len(aside) == 1
    assert any(str(aside[0]) in line for line in said)


def test_a_damaged_cluster_with_data_is_refused_and_left_alone(server) -> None:
    """A cluster that was completed once is never replaced."""
    (server.cluster.pgdata / "global" / "pg_control").unlink()
    before = sorted(path.name for path in server.cluster.pgdata.iterdir())
    with pytest.raises(DataFolderError, match="damaged"):
        server.start(_no)
    assert sorted(path.name for path in server.cluster.pgdata.iterdir()) == before


def test_data_of_another_major_is_refused(server) -> None:
    """The message names both versions; nothing is created beside the old data."""
    server.cluster.pgdata.rename(server.cluster.pgdata.with_name("17"))
    server.cluster.marker.rename(server.cluster.marker.with_name("17.ready"))
    with pytest.raises(DataFolderError, match=r"PostgreSQL 17.*PostgreSQL 18"):
        server.start(_no)
    assert not server.cluster.pgdata.exists()


def test_nobody_gets_in_without_a_password(server) -> None:
    """There is no trust: neither superuser nor app logs in with a wrong password, and there is no TCP."""
    server.start(_no)
    for role in (SUPERUSER, APP):
        url = server.cluster.url(role).replace(server.cluster.password(role), "wrong")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(url)
    listening = [c for c in psutil.Process(server.pid).net_connections() if c.status == psutil.CONN_LISTEN]
    assert [c for c in listening if c.family.name != "AF_UNIX"] == []


def test_files_are_closed_to_others(server) -> None:
    """Passwords are 0600 in a 0700 folder, PostgreSQL's files and socket 0700, nothing is open to all."""
    server.start(_no)
    data_dir = server.cluster.data_dir
    modes = {
        path: path.stat().st_mode & 0o777 for path in (data_dir, data_dir / "keys", server.cluster.pgdata)
    }
    assert modes[data_dir / "keys"] == 0o700
    assert modes[server.cluster.pgdata] == 0o700
    assert modes[data_dir] & 0o067 == 0
    assert {path.stat().st_mode & 0o777 for path in (data_dir / "keys").iterdir()} == {0o600}
    assert server.cluster.socket_dir.stat().st_mode & 0o777 == 0o700


def test_a_long_path_gets_a_private_socket_folder(made) -> None:
    """Sockets of a folder whose path is too long for the kernel lie in a private temporary folder."""
    long = made.parent / ("d" * 90) / "ü with space"
    long.parent.mkdir(mode=0o711)
    subprocess.run(["cp", "-a", made, long], check=True)
    server = _server(long)
    try:
        server.start(_no)
        assert _kept(server.cluster) == 42
        assert len(os.fsencode(server.cluster.socket_dir)) < 100
        assert server.cluster.socket_dir.stat().st_mode & 0o777 == 0o700
    finally:
        server.stop(is_immediate=True)
        shutil.rmtree(long.parent)
        shutil.rmtree(server.cluster.socket_dir, ignore_errors=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="closed ancestors matter to root alone")
def test_as_root_it_runs_below_a_closed_folder_without_opening_it(made) -> None:
    """The account of PostgreSQL works in a folder it cannot reach by path; no parent's mode changes."""
    closed = made.parent / "closed"
    closed.mkdir(mode=0o700)
    subprocess.run(["cp", "-a", made, closed / "data"], check=True)
    server = _server(closed / "data")
    try:
        server.start(_no)
        assert _kept(server.cluster) == 42
        assert psutil.Process(server.pid).uids().real != 0
        assert closed.stat().st_mode & 0o777 == 0o700
    finally:
        server.stop(is_immediate=True)
        shutil.rmtree(closed)


def test_it_ends_when_its_supervisor_is_killed(data_dir) -> None:
    """Kill -9 of the parent leaves no server behind (Linux)."""
    code = (
        "import time; from pathlib import Path\n"
        "from error_manager.runtime.data_folder import service_account\n"
        "from error_manager.storage.postgres.cluster import open_cluster\n"
        "from error_manager.storage.postgres.embedded import EmbeddedPostgres\n"
        "from error_manager.storage.postgres.server_config import ClusterOptions\n"
        f"cluster = open_cluster(Path({str(data_dir)!r}), service_account())\n"
        "server = EmbeddedPostgres(cluster, ClusterOptions())\n"
        "server.start(print); print(server.pid, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    _, alive = psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=8)
    assert alive == []


def test_settings_reach_the_server(data_dir) -> None:
    """shared_buffers, timeouts and the safe settings are what the running server says."""
    cluster = replace(open_cluster(data_dir, service_account()), port=5433)
    server = EmbeddedPostgres(cluster, replace(_OPTIONS, shared_buffers_mb=32))
    try:
        server.start(_no)
        assert server.state() is ServerState.READY
        with connect_sync(cluster.url(APP), application_name="test", statement_timeout_s=5) as connection:
            values = {
                name: connection.execute(f"SHOW {name}").fetchone()[0]  # type: ignore[call-overload,index]
                for name in (
                    "shared_buffers",
                    "statement_timeout",
                    "lock_timeout",
                    "fsync",
                    "jit",
                    "TimeZone",
                )
            }
    finally:
        server.stop(is_immediate=True)
    assert values == {
        "shared_buffers": "32MB",
        "statement_timeout": "5s",
        "lock_timeout": "3s",
        "fsync": "on",
        "jit": "off",
        "TimeZone": "UTC",
    }
