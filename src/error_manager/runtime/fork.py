"""Starts processes as copies of this one, so that they share what is loaded (seed box: Runtime).

Linux only: elsewhere system libraries do not survive it. This process must have one thread (ADR 0016).
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final, NoReturn

HAS_FORK: Final = sys.platform == "linux"
TITLE: Final = "error-manager: "
"""What the title of a copy begins with; its name follows."""
_ARGUMENTS: Final = slice(45, 47)  # arg_start and arg_end of proc(5), counted behind the name and the state


def share(loads: Sequence[str]) -> None:
    """Load and make what all copies to come need, and keep the garbage collector off it.

    The collector writes to each object it looks at, and what is written to is no longer shared.

    Args:
        loads: names of modules, ``module`` or ``module:function``; the function is called.
    """
    for load in loads:
        module, _, function = load.partition(":")
        found = import_module(module)
        if function:
            getattr(found, function)()
    gc.collect()
    gc.freeze()


def fork(
    main: Callable[[Sequence[str]], int],
    words: Sequence[str],
    *,
    name: str,
    folder: Path,
    output: int | None,
    keep: int,
) -> int:
    """Start a copy of this process that runs ``main(words)`` and ends with its exit code; return its pid.

    It is as a new process would be: a session, signals and open files of its own.

    Args:
        main: what to run.
        words: its arguments.
        name: what the copy is called in lists of processes.
        folder: becomes its standard input: tells whose it is when this process is gone.
        output: file descriptor of its standard output and error; None = those of this process.
        keep: the one other file descriptor that stays open.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    stdin = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _live(main, words, name=name, files=(stdin, output, keep), mask=blocked)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        os.close(stdin)
    return pid


def _live(
    main: Callable[[Sequence[str]], int],
    words: Sequence[str],
    *,
    name: str,
    files: tuple[int, int | None, int],
    mask: set[signal.Signals] | set[int],
) -> NoReturn:
    """Become a process of one's own; never return into what the other one was doing."""
    code = 1
    try:
        os.setsid()  # Ctrl-C in the terminal is for the supervisor alone
        _forget_signals()
        _take_files(*files)
        set_title(TITLE + name)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        code = int(main(words))
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001  # the end of this process, as an interpreter would do it
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:  # whatever else went wrong, nobody goes on from here
            os._exit(code)


def _forget_signals() -> None:
    """Leave the other one's event loop alone: a signal to us must not wake it."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _take_files(stdin: int, output: int | None, keep: int) -> None:
    """Have these files open and no others: a pipe or a lock held here would outlive its owner."""
    os.dup2(stdin, 0)
    if output is not None:
        os.dup2(output, 1)
        os.dup2(output, 2)
    for number in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        if number > 2 and number != keep:
            with contextlib.suppress(OSError):  # the list itself was open while it was read
                os.close(number)


def set_title(title: str) -> None:
    """Write over the command line that the system shows for this process, as far as there is room."""
    stat = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
    start, end = map(int, stat.rpartition(")")[2].split()[_ARGUMENTS])
    room = end - start
    if start and room > 1:
        text = title.encode()[: room - 1]
        ctypes.memmove(start, text.ljust(room, b"\0"), room)


def folder_of(pid: int) -> Path | None:
    """Return the folder that a copy was given, or None when it cannot be told."""
    try:
        return Path(f"/proc/{pid}/fd/0").readlink()
    except OSError:
        return None


class Copy:
    """A running copy: what ``subprocess.Popen`` is to a command."""

    def __init__(self, pid: int) -> None:
        """Keep the pid of a child of this process."""
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return the exit code once it has ended (negative: the signal that killed it), else None."""
        if self._code is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except (
                ChildProcessError
            ):  # who started us had SIGCHLD ignored: the system keeps no code, as for Popen
                pid, status = self.pid, 0
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)
