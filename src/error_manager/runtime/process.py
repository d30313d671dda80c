"""What every process of the tree does alike: signals, supervisor's pipe, exit codes (seed box: Runtime)."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from error_manager.core.errors import (
    ConfigurationError,
    DataFolderError,
    IndexUnavailableError,
    SealError,
    StorageUnavailableError,
)

EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1
EXIT_REFUSED: Final = 2
"""Settings, keys or the data folder are wrong: starting again changes nothing."""
EXIT_TRY_AGAIN: Final = 75
DRAIN_S: Final = 10.0
_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_log = structlog.get_logger()


def run_until_told(
    main: Callable[[asyncio.Event], Awaitable[None]],
    *,
    pipe_fd: int | None,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> int:
    """Run ``main`` until it returns and return the exit code; the event it gets asks it to finish.

    The first SIGTERM, SIGINT or SIGHUP sets the event, as does the end of the supervisor (EOF on the pipe). A
    second signal, or ten seconds, end the process on the spot. After SIGHUP the supervisor starts it again,
    with new settings.

    Args:
        main: the work; should return within ten seconds after the event was set.
        pipe_fd: inherited reading end of the supervisor's pipe; None when started by hand.
        loop_factory: makes the event loop; None = asyncio's own.
    """
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(_run(main, pipe_fd))
    except (ConfigurationError, DataFolderError, SealError) as error:
        print(f"error-manager: {error}", file=sys.stderr)  # noqa: T201  # the supervisor shows it to the person
        return EXIT_REFUSED
    except (StorageUnavailableError, IndexUnavailableError) as error:
        _log.error(error.code, detail=str(error))  # the trace says nothing more
        return EXIT_TRY_AGAIN
    except Exception:  # noqa: BLE001  # entry point: whatever it was, it is reported and the supervisor starts anew
        _log.error("process_failed", detail=traceback.format_exc())  # the detail is the trace
        return EXIT_FAILED
    return EXIT_DONE


async def _run(main: Callable[[asyncio.Event], Awaitable[None]], pipe_fd: int | None) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def ask() -> None:
        if stop.is_set():
            end_now()
        stop.set()
        loop.call_later(DRAIN_S, end_now)

    for number in (*_STOP_SIGNALS, signal.SIGHUP):
        loop.add_signal_handler(number, ask)
    if pipe_fd is not None:
        watch_parent(pipe_fd, loop, lambda: None if stop.is_set() else ask())
    await main(stop)


def watch_parent(fd: int, loop: asyncio.AbstractEventLoop, on_eof: Callable[[], None]) -> None:
    """Call ``on_eof`` once when the other end of the pipe is gone: the supervisor ended, however it did."""
    os.set_blocking(fd, False)

    def readable() -> None:
        try:
            if os.read(fd, 64):
                return
        except BlockingIOError:
            return
        except OSError:
            _log.warning("parent_pipe_broken", fd=fd)
        loop.remove_reader(fd)
        os.close(fd)
        on_eof()

    loop.add_reader(fd, readable)


def end_now() -> None:
    """End this process without any cleaning up; what it acknowledged is on disk."""
    os._exit(EXIT_FAILED)
