"""The process tree of ``error-manager up``: PostgreSQL, serve, worker, analysis, index (seed box: Runtime).

Whatever ends is started again; when the supervisor itself ends, however it does, everything below it ends
too. Where processes can be copied, it has loaded what its children run, and they are copies of it (ADR 0016).
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import psutil

from error_manager.core.errors import ConfigurationError, DataFolderError, ErrorManagerError
from error_manager.runtime.child import Backoff, Child, Inside
from error_manager.runtime.fork import TITLE, folder_of
from error_manager.runtime.log import rotate
from error_manager.runtime.network import ask_ready
from error_manager.runtime.process import EXIT_DONE, EXIT_FAILED, EXIT_REFUSED
from error_manager.runtime.program import program
from error_manager.runtime.settings import Settings
from error_manager.storage.postgres.embedded import EmbeddedPostgres

_CHILDREN_DRAIN_S: Final = 8.0
_TICK_S: Final = 15.0
_PROBE_EVERY_S: Final = 0.1
_SAY_EVERY_S: Final = 5.0
_RELOAD_PAUSE_S: Final = 2.0
_ORPHAN_S: Final = 1.0
_START_RETRY_S: Final = 1.0
_FRUITLESS_STARTS: Final = 4


class SetUpFailedError(Exception):
    """The set-up process failed; it has said why. ``code`` is its exit code."""

    def __init__(self, code: int) -> None:
        """Keep the exit code."""
        super().__init__(code)
        self.code = code


def run_set_up(words: Sequence[str]) -> Mapping[str, Any]:
    """Migrate and make the first access in a process of its own; return what ``runtime.setup.Ready`` holds.

    ``connection.json`` is left as it is: nobody answers yet.

    Raises:
        SetUpFailedError: it failed, and has said why on stderr.
    """
    done = subprocess.run(
        program("set-up", words, "--no-connection-file"), stdout=subprocess.PIPE, check=False
    )
    if done.returncode != 0:
        raise SetUpFailedError(done.returncode)
    found = json.loads(done.stdout)
    if not isinstance(found, dict):
        raise SetUpFailedError(EXIT_FAILED)
    return found


def clear_orphans(data_dir: Path) -> int:
    """End what an earlier, killed supervisor left on this folder; return how many there were.

    They end by themselves when their pipe closes; this makes sure before their port and slots are needed.
    """
    found = [process for process in psutil.process_iter() if _is_ours(process, data_dir)]
    for process in psutil.wait_procs(found, timeout=_ORPHAN_S)[1]:
        try:
            process.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(found, timeout=_ORPHAN_S)
    return len(found)


def _is_ours(process: psutil.Process, data_dir: Path) -> bool:
    try:
        words = process.cmdline()
    except (psutil.Error, OSError):
        return False
    if words and words[0].startswith(TITLE):
        return folder_of(process.pid) == data_dir.resolve()
    return "error_manager" in words and "--pipe-fd" in words and str(data_dir) in words


class Supervisor:
    """Watches the tree until it is told to stop. The caller holds the lock of the data folder."""

    def __init__(
        self,
        settings: Settings,
        *,
        words: Sequence[str],
        database: EmbeddedPostgres | None,
        say: Callable[[str], None],
        reload: Callable[[], object],
        main: Callable[[Sequence[str]], int] | None = None,
    ) -> None:
        """Keep what to run.

        Args:
            settings: of this start.
            words: the command line that gives a child the same settings.
            database: the embedded server, started before ``run``; None when another one is used.
            say: shows a line to the person at the terminal.
            reload: reads the settings again; raises ConfigurationError when they are wrong.
            main: our entry point, for children that are copies of this process; None = each is started anew.
        """
        self._settings = settings
        self._database = database
        self._say = say
        self._reload = reload
        inside = None if main is None else Inside(main=main, folder=settings.data_dir)
        self.children = _children(settings, words, inside)
        self._wake = asyncio.Event()
        self._is_told = False
        self._is_hurried = False
        self._wants_reload = False
        self._is_ready = False
        self._exit_code = EXIT_DONE
        self._database_backoff = Backoff()
        self._database_after = 0.0
        self._database_started = time.monotonic()

    def start_children(self) -> None:
        """Start the children before the database: they accept errors while it recovers, be it for minutes."""
        for child in self.children:
            self._start(child, time.monotonic())

    def kill_children(self) -> None:
        """End what still runs, without any drain; ``run`` leaves nothing behind."""
        for child in self.children:
            child.signal(signal.SIGKILL)

    async def run(self, on_ready: Callable[[], None]) -> int:
        """Start the children, call ``on_ready`` once the server answers, watch; return the exit code."""
        self._listen()
        ready = asyncio.create_task(self._announce(on_ready))
        try:
            while not self._is_told:
                self._wake.clear()
                now = time.monotonic()
                self._look_after_database(now)
                self._look_after_children(now)
                if self._wants_reload:
                    await self._roll()
                    self._wake.set()  # what happened meanwhile is looked at now
                self._rotate()
                await self._rest(now)
        finally:
            ready.cancel()
            await self._stop()
        return self._exit_code

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._wake.set)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told)
        loop.add_signal_handler(signal.SIGHUP, self._told_to_reload)

    def _told(self) -> None:
        self._is_hurried = self._is_told
        self._is_told = True
        self._wake.set()

    def _told_to_reload(self) -> None:
        self._wants_reload = True
        self._wake.set()

    async def _rest(self, now: float) -> None:
        due = [child.start_after for child in self.children if child.pid is None]
        if self._database is not None and self._database.pid is None:
            due.append(self._database_after)
        pause = min([_TICK_S, *(max(0.0, moment - now) for moment in due)])
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            return

    def _rotate(self) -> None:
        try:
            rotate(self._settings.data_dir / "logs", limit_bytes=self._settings.log.file_bytes)
        except OSError as error:  # the disk is full: a long log is better than no supervisor
            self._say(f"Logs cannot be rotated: {error.strerror}")

    def _look_after_database(self, now: float) -> None:
        if self._database is None or self._database.pid is not None:
            return
        if self._database_started:
            self._say("PostgreSQL has ended; starting it again")
            self._database_after = now + self._database_backoff.next_pause_s(
                lived_s=now - self._database_started
            )
            self._database_started = 0.0
        if now < self._database_after:
            return
        try:
            self._database.spawn()
        except (ErrorManagerError, OSError) as error:  # OSError: the disk is full; there will be room again
            self._say(f"PostgreSQL cannot be started: {error}")
        self._database_started = now

    def _look_after_children(self, now: float) -> None:
        for child in self.children:
            code = child.reap(now)
            if code is not None:
                self._ended(child, code)
            if child.pid is None and now >= child.start_after and not self._is_told:
                self._start(child, now)

    def _start(self, child: Child, now: float) -> None:
        try:
            child.start(now)
        except OSError as error:  # no room for its log, no memory: tried again
            child.start_after = now + _START_RETRY_S
            self._say(f"{child.name} cannot be started: {error.strerror}")

    def _ended(self, child: Child, code: int) -> None:
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        if (
            child.is_needed
            and not self._is_ready
            and (code == EXIT_REFUSED or child.starts >= _FRUITLESS_STARTS)
        ):
            self._say(f"{child.name} {how} and cannot be started. {_last_words(child)}")
            self._exit_code = EXIT_REFUSED if code == EXIT_REFUSED else EXIT_FAILED
            self._told()
            return
        self._say(f"{child.name} {how}; starting it again")

    async def _announce(self, on_ready: Callable[[], None]) -> None:
        said = time.monotonic()
        while (probe := await ask_ready(self._settings.server)).status != 200:
            if time.monotonic() - said >= _SAY_EVERY_S:
                said = time.monotonic()
                self._say(f"Not ready yet: {probe.text or 'the server does not answer'}")
            await asyncio.sleep(_PROBE_EVERY_S)
        self._is_ready = True
        on_ready()

    async def _roll(self) -> None:
        """Start every child anew, one after the other, so that somebody always accepts."""
        self._wants_reload = False
        try:
            self._reload()
        except ConfigurationError as error:
            self._say(f"Settings not taken over, everything goes on as it was:\n{error}")
            return
        for child in self.children:
            if self._is_told:
                return
            await self._renew(child)
        self._say("Settings taken over by all processes (those of the embedded database at the next start)")

    async def _renew(self, child: Child) -> None:
        child.signal(signal.SIGHUP)
        is_gone = await self._all_gone([child], _CHILDREN_DRAIN_S, is_roll=True)
        if self._is_told:
            return
        if not is_gone:
            child.signal(signal.SIGKILL)
            await self._all_gone([child], 1.0)
        self._start(child, time.monotonic())
        await self._pause(_RELOAD_PAUSE_S)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than until told to stop."""
        end = time.monotonic() + seconds
        while not self._is_told and (left := end - time.monotonic()) > 0:
            self._wake.clear()
            try:
                async with asyncio.timeout(left):
                    await self._wake.wait()
            except TimeoutError:
                return

    async def _all_gone(self, children: Sequence[Child], patience_s: float, *, is_roll: bool = False) -> bool:
        end = time.monotonic() + patience_s
        while True:
            self._wake.clear()
            now = time.monotonic()
            for child in children:
                child.reap(now)
            if all(child.pid is None for child in children):
                return True
            if now >= end or self._is_hurried or (is_roll and self._is_told):
                return False
            try:
                async with asyncio.timeout(end - now):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _stop(self) -> None:
        for child in self.children:
            child.signal(signal.SIGTERM)
        if not await self._all_gone(self.children, _CHILDREN_DRAIN_S):
            for child in self.children:
                child.signal(signal.SIGKILL)
            self._is_hurried, hurried = False, self._is_hurried
            await self._all_gone(self.children, 2.0)
            self._is_hurried = hurried
        if self._database is not None:
            self._database.stop(is_immediate=self._is_hurried)


def _children(settings: Settings, words: Sequence[str], inside: Inside | None) -> tuple[Child, ...]:
    kinds = (("serve", "--slot", settings.server.processes), ("worker", "--index", settings.worker.processes))
    numbered = tuple(
        _child(settings, f"{kind} {number}", program(kind, words, option, str(number)), inside)
        for kind, option, count in kinds
        for number in range(count)
    )
    optional = []
    if settings.analysis.is_enabled:
        optional.append(("analysis", program("worker", words, "--role", "analysis")))
    if settings.index.is_enabled:
        command = "index" if settings.index.qdrant_url is None else "index-server"
        optional.append(("index", program(command, words)))
    return (
        *numbered,
        *(_child(settings, name, command, inside, is_needed=False) for name, command in optional),
    )


def _child(
    settings: Settings, name: str, command: Sequence[str], inside: Inside | None, *, is_needed: bool = True
) -> Child:
    logs = settings.data_dir / "logs" if settings.log.to == "files" else None
    return Child(
        name=name,
        command=command,
        log_file=None if logs is None else logs / f"{name.replace(' ', '-')}.log",
        inside=inside,
        is_needed=is_needed,
    )


def _last_words(child: Child) -> str:
    if child.log_file is None:
        return ""
    try:
        lines = child.log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-6:]
    except OSError as error:
        raise DataFolderError(f"{child.log_file} cannot be read: {error.strerror}") from error
    return f"The end of {child.log_file}:\n" + "\n".join(lines)
