"""Runs the embedded PostgreSQL as a child of ours: start, readiness, stop, repair (seed box: PostgreSQL).

Our own supervision instead of the wheel's: that one gives up on recoveries longer than 10 s, trusts any
process that has the pid of a stale file, and opens the home of root to everybody.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Final

import psutil

from error_manager.core.errors import DataFolderError
from error_manager.storage.postgres.binaries import copied_programs, wheel_programs
from error_manager.storage.postgres.cluster import Cluster, closed_ancestor, prepare
from error_manager.storage.postgres.server_config import ClusterOptions, write_config

_FAST_S: Final = 8.0  # fast shutdown: disconnects, writes a checkpoint
_IMMEDIATE_S: Final = 3.0  # immediate shutdown: recovery at the next start
_ORPHAN_S: Final = 3.0
_POLL_S: Final = 0.02
_SAY_EVERY_S: Final = 5.0
_STARTS: Final = 40  # a dying server may hold its shared memory a little longer than its pid
_RETRY_S: Final = 0.25
_STILL_THERE: Final = ("still in use", "already exists", "could not bind")
_READY_LINE: Final = 8  # of postmaster.pid: "starting", "ready", "standby", "stopping"
# Where the programs go when the data folder lies below a folder that the account may not pass.
_OPEN_FOLDER: Final = Path("/var/lib/error-manager")
_PR_SET_PDEATHSIG: Final = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class ServerState(StrEnum):
    """What the server is doing."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"


class EmbeddedPostgres:
    """One server on one data folder. The caller holds the folder's lock: two of these never meet."""

    def __init__(self, cluster: Cluster, options: ClusterOptions) -> None:
        """Keep what to run; nothing is touched before ``spawn``."""
        self.cluster = cluster
        self.options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Return the pid of the running server."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def spawn(self) -> tuple[str, ...]:
        """Start the server without waiting until it is ready; return what was repaired, in words.

        Must be called in the main thread: the server ends when the thread that started it does.

        Raises:
            ConfigurationError: its programs are missing.
            DataFolderError: the files are foreign, damaged or out of reach.
        """
        self.stop(is_immediate=True)  # reaps the child of an earlier start
        programs = self._programs()
        notes = prepare(self.cluster, programs)
        notes += clear_the_way(self.cluster)
        write_config(self.cluster, self.options)
        command = [
            str(programs / "postgres"),
            "-D",
            self.cluster.seen(self.cluster.pgdata),
            "-c",
            f"config_file={self.cluster.seen(self.cluster.config_file)}",
        ]
        descriptor = os.open(self.cluster.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                env=self.cluster.environment(),
                cwd="/",
                start_new_session=True,  # Ctrl-C in the terminal is for the supervisor alone
                preexec_fn=_end_with_parent,  # noqa: PLW1509  # one call, loaded before the fork
                **self.cluster.identity(),
            )
        finally:
            os.close(descriptor)
        return notes

    def state(self) -> ServerState:
        """Return what our child is doing, read from the pid file it keeps."""
        pid = self.pid
        if pid is None:
            return ServerState.STOPPED
        lines = _pid_file_lines(self.cluster.pgdata)
        if (
            len(lines) >= _READY_LINE
            and lines[0].strip() == str(pid)
            and lines[_READY_LINE - 1].strip() == "ready"
        ):
            return ServerState.READY
        return ServerState.STARTING

    def start(self, say: Callable[[str], None]) -> None:
        """Start the server and wait until it takes connections, however long its recovery lasts.

        Args:
            say: gets repairs at once, and a progress line every five seconds.

        Raises:
            ConfigurationError: its programs are missing.
            DataFolderError: it cannot start; the end of its log is part of the message.
        """
        for attempt in range(_STARTS):
            offset = self.log_size()
            for note in self.spawn():
                say(note)
            if self._wait(say):
                return
            if attempt + 1 == _STARTS or not self.may_try_again(offset):
                break
            time.sleep(_RETRY_S)
        raise DataFolderError(self.failure())

    def _wait(self, say: Callable[[str], None]) -> bool:
        started = said = time.monotonic()
        while (state := self.state()) is not ServerState.READY:
            if state is ServerState.STOPPED:
                return False
            if time.monotonic() - said >= _SAY_EVERY_S:
                said = time.monotonic()
                say(f"PostgreSQL is recovering ({said - started:.0f} s so far)")
            time.sleep(_POLL_S)
        return True

    def log_size(self) -> int:
        """Return how long the log is, in bytes."""
        return self.cluster.log_file.stat().st_size if self.cluster.log_file.exists() else 0

    def may_try_again(self, log_offset: int) -> bool:
        """Return whether the child ended only because an earlier server was not quite gone."""
        text = _tail(self.cluster.log_file, max(0, self.log_size() - log_offset))
        return any(words in text for words in _STILL_THERE)

    def failure(self) -> str:
        """Return why it did not start: the exit code and the end of its log."""
        code = None if self._process is None else self._process.poll()
        tail = "\n".join(_tail(self.cluster.log_file, 4096).splitlines()[-8:])
        return f"PostgreSQL ended with exit code {code}. The end of {self.cluster.log_file}:\n{tail}"

    def stop(self, *, is_immediate: bool = False) -> None:
        """Stop the server: fast, then immediate, then by force. Returns when it is gone."""
        if self._process is None:
            return
        steps = [(signal.SIGQUIT, _IMMEDIATE_S), (signal.SIGKILL, _IMMEDIATE_S)]
        if not is_immediate:
            steps.insert(0, (signal.SIGINT, _FAST_S))
        for number, patience_s in steps:
            if self._process.poll() is not None:
                break
            self._process.send_signal(number)
            try:
                self._process.wait(patience_s)
            except subprocess.TimeoutExpired:
                continue
        self._process = None

    def _programs(self) -> Path:
        if self.cluster.account is None:
            return wheel_programs()
        if self.cluster.folder_fd is None:
            return copied_programs(self.cluster.data_dir / "pg" / self.cluster.pgdata.name)
        target = _OPEN_FOLDER / "pg" / self.cluster.pgdata.name
        for folder in (_OPEN_FOLDER, target.parent):
            if not folder.exists():
                folder.mkdir(parents=True)
                folder.chmod(0o711)
        closed = closed_ancestor(target, self.cluster.account)
        if closed is not None:
            raise DataFolderError(
                f"The programs of PostgreSQL need a folder that its account may pass; {closed} is closed."
            )
        return copied_programs(target)


def clear_the_way(cluster: Cluster) -> tuple[str, ...]:
    """Stop what an earlier supervisor left on this folder, remove its stale pid file; return what was done.

    A pid alone proves nothing (it may be used again): a process counts only when it is a ``postgres`` whose
    working folder is this cluster.

    Raises:
        DataFolderError: the earlier server does not end.
    """
    notes: list[str] = []
    orphans = _servers_on(cluster.pgdata)
    if orphans:
        notes.append(f"Stopped PostgreSQL (pid {orphans[0].pid}) that an earlier run had left behind.")
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        mains = [process for process in orphans if _is_main(process)]
        if number is signal.SIGINT and not mains:
            continue  # the main process is gone; to the rest this means "cancel the statement"
        for process in mains or orphans:
            _send(process, number)
        orphans = psutil.wait_procs(orphans, timeout=_ORPHAN_S)[1]
        if not orphans:
            break
    if orphans:
        raise DataFolderError(
            f"An earlier PostgreSQL (pid {orphans[0].pid}) on {cluster.pgdata} does not end."
        )
    pid_file = cluster.pgdata / "postmaster.pid"
    if pid_file.exists():
        pid_file.unlink()
        notes.append("PostgreSQL was not stopped in order; it recovers from its log.")
    return tuple(notes)


def _servers_on(pgdata: Path) -> list[psutil.Process]:
    """Return the processes of a server on this folder, its main process first."""
    found = []
    target = pgdata.resolve()
    for process in psutil.process_iter():
        try:
            if process.name().startswith("postgres") and Path(process.cwd()) == target:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    lines = _pid_file_lines(pgdata)
    main = lines[0].strip() if lines else ""
    return sorted(found, key=lambda process: (str(process.pid) != main, process.pid))


def _is_main(process: psutil.Process) -> bool:
    """Return whether this is the main process; its helpers have their work as title."""
    try:
        return (process.cmdline() or [""])[0].endswith("/postgres")
    except psutil.Error:
        return False


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        return


def _pid_file_lines(pgdata: Path) -> list[str]:
    try:
        return (pgdata / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _tail(path: Path, size: int) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _end_with_parent() -> None:
    """Ask the kernel for a fast shutdown when the supervisor is gone, however it died (Linux only).

    Elsewhere the next start stops the orphan. Runs in the child, after it gave up root: a change of account
    would clear the request.
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
