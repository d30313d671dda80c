"""Scans blocks of a log, also in other processes, in their order (seed box: Pattern Analyzer)."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Generator, Iterable
from multiprocessing.connection import Connection
from typing import Final

from error_manager.flows.log_scan import Findings, LogScanner

_JOIN_S: Final = 5.0
_END: Final = b""


Scanned = Generator[tuple[int, Findings], None, None]
"""Number of the scanner and what it found in a block, in the order of the blocks."""
NewScanner = Callable[[], LogScanner]
"""Makes a scanner; must survive pickling to be used in other processes."""


def scan_here(blocks: Iterable[bytes], new_scanner: NewScanner) -> Scanned:
    """Yield what each block holds, scanned in this process."""
    scanner = new_scanner()
    for block in blocks:
        yield 0, scanner.scan(block)


def scan_apart(blocks: Iterable[bytes], new_scanner: NewScanner, *, processes: int) -> Scanned:
    """Yield what each block holds, scanned in other processes.

    Each process has one block at a time: it gets the next when its findings were taken.

    Raises:
        EOFError: a process ended before its work was done.
    """
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(processes)]
    workers = [context.Process(target=_work, args=(theirs, new_scanner), daemon=True) for _, theirs in pipes]
    for worker in workers:
        worker.start()
    for _, theirs in pipes:
        theirs.close()
    ours = [each for each, _ in pipes]
    try:
        yield from _in_order(blocks, ours)
        for connection in ours:
            connection.send_bytes(_END)
    finally:
        for connection in ours:
            connection.close()
        for worker in workers:
            worker.join(_JOIN_S)
            if worker.is_alive():
                worker.terminate()


def _in_order(blocks: Iterable[bytes], workers: list[Connection]) -> Scanned:
    waiting: deque[int] = deque()
    idle = deque(range(len(workers)))
    for block in blocks:
        found: tuple[int, Findings] | None = None
        if not idle:
            number = waiting.popleft()
            found = number, _received(workers[number])
            idle.append(number)
        number = idle.popleft()
        workers[number].send_bytes(block)
        waiting.append(number)
        if found is not None:  # taken while the process already has its next block
            yield found
    while waiting:
        number = waiting.popleft()
        yield number, _received(workers[number])


def _received(connection: Connection) -> Findings:
    found: Findings = connection.recv()
    return found


def _work(connection: Connection, new_scanner: NewScanner) -> None:
    """Scan what comes until an empty block, or until the other side is gone."""
    scanner = new_scanner()
    try:
        while block := connection.recv_bytes():
            connection.send(scanner.scan(block))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return
