"""One supervised process: start, watch, start again with a growing pause, stop (seed box: Runtime)."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from error_manager.runtime.fork import Copy, fork
from error_manager.runtime.program import words_of_program

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
_HEALTHY_S: Final = 10.0  # a process that lived this long starts the pauses from the beginning again


@dataclass(slots=True, kw_only=True)
class Backoff:
    """The pause before the next start: 0.1 s, doubled up to 5 s; short again after a healthy run."""

    pause_s: float = _FIRST_PAUSE_S

    def next_pause_s(self, *, lived_s: float) -> float:
        """Return how long to wait before the next start, in seconds."""
        if lived_s >= _HEALTHY_S:
            self.pause_s = _FIRST_PAUSE_S
        pause = self.pause_s
        self.pause_s = min(self.pause_s * 2, _LONGEST_PAUSE_S)
        return pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What a copy of the supervisor needs: our entry point, and the data folder it belongs to."""

    main: Callable[[Sequence[str]], int]
    folder: Path


@dataclass(slots=True, kw_only=True)
class Child:
    """A process of the tree. We keep the writing end of its pipe: when we are gone, it reads EOF and ends."""

    name: str
    command: Sequence[str]
    log_file: Path | None
    inside: Inside | None = None  # how to run the command without a new interpreter; None: there is no way
    is_needed: bool = True  # whether the tree is not to start without it
    backoff: Backoff = field(default_factory=Backoff)
    started_at: float = 0.0
    start_after: float = 0.0
    starts: int = 0
    _process: subprocess.Popen[bytes] | Copy | None = None
    _pipe: int | None = None

    @property
    def pid(self) -> int | None:
        """Return the pid, or None when it does not run."""
        return None if self._process is None else self._process.pid

    def start(self, now: float) -> None:
        """Start the process; ``now`` is the monotonic time in seconds."""
        reader, writer = os.pipe()
        output = None
        try:
            if self.log_file is not None:
                output = os.open(self.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._process = self._started(reader, output)
        except OSError:
            os.close(writer)
            raise
        finally:
            os.close(reader)
            if output is not None:
                os.close(output)
        self._pipe = writer
        self.started_at = now
        self.starts += 1

    def _started(self, reader: int, output: int | None) -> subprocess.Popen[bytes] | Copy:
        command = [*self.command, "--pipe-fd", str(reader)]
        if self.inside is None:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(reader,),
                start_new_session=True,  # Ctrl-C in the terminal is for the supervisor alone
            )
        return Copy(
            fork(
                self.inside.main,
                words_of_program(command),
                name=self.name,
                folder=self.inside.folder,
                output=output,
                keep=reader,
            )
        )

    def reap(self, now: float) -> int | None:
        """Return the exit code when it has just ended (negative: the signal that killed it), else None."""
        if self._process is None:
            return None
        code = self._process.poll()
        if code is None:
            return None
        self._process = None
        self._close_pipe()
        self.start_after = now + self.backoff.next_pause_s(lived_s=now - self.started_at)
        return code

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when it does not run."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def _close_pipe(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None
