"""Between the callers' threads and the one background thread: bounded queue, folding, counts, flush, fork."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable
from typing import Final

from error_manager.client.capture import Captured
from error_manager.client.counters import Counters, Stats
from error_manager.client.delivery import Delivery, Line, Tally
from error_manager.client.folding import FoldingTable
from error_manager.client.settings import ClientSettings
from error_manager.client.transport import Transport
from error_manager.client.words import say

MAX_BATCH: Final = 50
MAX_BATCH_BYTES: Final = 512 * 1024
Build = Callable[[Captured], bytes | str]
"""Returns the encoded error, or the reason why it is not sent."""


def _random_share() -> float:
    """Return a random number in [0, 1); importing ``random`` for it takes 2 ms."""
    return int.from_bytes(os.urandom(4), "big") / 2**32


class Busy(threading.local):
    """Whether this thread is inside the client: what happens there is never captured."""

    is_inside = False
    is_admitted = False
    """Whether the error that is being taken has been counted."""


class Dispatcher:
    """Takes errors from any thread; the background thread starts with the first one."""

    def __init__(self, settings: ClientSettings, *, build: Build, transport: Transport, busy: Busy) -> None:
        self._settings = settings
        self._build = build
        self._transport = transport
        self._busy = busy
        self._reset()

    def _reset(self) -> None:
        # An RLock below: flush() may be called by a signal handler in the middle of put().
        self._condition = threading.Condition()
        self._queue: deque[Captured] = deque()
        self._folding = FoldingTable(self._settings.fold_window_s)
        self._counters = Counters()
        self._flushing = 0
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._delivery = Delivery(
            self._transport,
            max_attempts=self._settings.max_attempts,
            backoff_s=self._settings.backoff_s,
            timeout_s=self._settings.timeout_s,
            wait=self._closing.wait,
            jitter=_random_share,
            warn=self._warn,
        )

    def _warn(self, text: str) -> None:
        dsn = self._settings.dsn
        say(f"the server at {dsn.host}:{dsn.port} {text}.")

    def reset_after_fork(self) -> None:
        """Begin anew in the child: what waits belongs to the parent, its threads and locks are not here."""
        self._transport.forget()
        self._reset()

    def admit(self, key: Hashable, timestamp_s: float) -> tuple[str, bool]:
        """Count one error and fold it when it can be.

        Returns:
            (id, is_first): the id of the error it was summed into, "" when a snapshot is needed; and whether
            the snapshot is to be put (the first of its window) or held (the one that stands for the rest).
        """
        with self._condition:
            self._counters.captured += 1
            if self._folding.is_first(key, time.monotonic()):
                return "", True
            event_id = self._folding.count(key, timestamp_s)
            self._counters.folded += bool(event_id)
            return event_id, False

    def hold(self, key: Hashable, captured: Captured) -> None:
        """Keep an admitted error until its window ends."""
        with self._condition:
            if self._folding.hold(key, captured):
                self._counters.folded += 1
                self._wake()
            else:
                self._put(captured)

    def put(self, captured: Captured) -> None:
        """Queue an admitted error, or count it as dropped when the queue is full."""
        with self._condition:
            self._put(captured)

    def drop(self, reason: str, *, is_admitted: bool = True) -> None:
        """Count an error that will not be sent."""
        with self._condition:
            self._counters.captured += not is_admitted
            self._counters.dropped[reason] += 1

    def stats(self) -> Stats:
        """Return the counts of now."""
        with self._condition:
            return self._counters.stats()

    def flush(self, timeout_s: float) -> bool:
        """Send what waits, folded sums included; return whether all of it has met its end in time."""
        with self._condition:
            self._flushing += 1
            self._wake()
            try:
                return self._condition.wait_for(lambda: not self._counters.stats().waiting, timeout_s)
            finally:
                self._flushing -= 1

    def close(self, timeout_s: float) -> bool:
        """Send what waits with one last try each, end the thread; return whether all was over in time."""
        with self._condition:
            self._closing.set()
            self._condition.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
            return not thread.is_alive()
        if self.stats().waiting:
            # No thread could be started (the interpreter is shutting down): send from here.
            was_inside, self._busy.is_inside = self._busy.is_inside, True
            try:
                self._run_until_closed()
            finally:
                self._busy.is_inside = was_inside
        return True

    def _put(self, captured: Captured) -> None:
        if self._closing.is_set():
            self._counters.dropped["shutdown"] += captured.occurrences
        elif len(self._queue) >= self._settings.max_queue:
            self._counters.dropped["queue_full"] += captured.occurrences
        else:
            self._queue.append(captured)
            self._wake()

    def _wake(self) -> None:
        """Wake the thread; start it when there is none. Called with the lock held."""
        self._condition.notify_all()
        if self._thread is None and not self._closing.is_set():
            thread = threading.Thread(target=self._run, name="error-manager", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return  # no more threads, or the interpreter is shutting down; close() sends what waits
            self._thread = thread

    def _run(self) -> None:
        self._busy.is_inside = True
        try:
            self._run_until_closed()
        finally:
            # Should the thread ever end by a failure, the next error starts another one.
            self._transport.forget()
            self._thread = None

    def _run_until_closed(self) -> None:
        while (batch := self._take()) is not None:
            self._send(batch)

    def _take(self) -> list[Captured] | None:
        """Wait for errors and return some; None when the client is closed and nothing is left."""
        with self._condition:
            while True:
                is_hurried = self._flushing > 0 or self._closing.is_set()
                batch = self._folding.take_all() if is_hurried else self._folding.take_ended(time.monotonic())
                if batch or self._queue:
                    break
                if self._closing.is_set():
                    return None
                end = self._folding.next_end()
                self._condition.wait(None if end is None else max(0.001, end - time.monotonic()))
            if not is_hurried and not batch:
                # Errors come in bursts: a moment's wait sends them in one request.
                self._condition.wait_for(
                    lambda: self._flushing > 0 or self._closing.is_set(), self._settings.linger_s
                )
            while self._queue and len(batch) < MAX_BATCH:
                batch.append(self._queue.popleft())
            return batch

    def _send(self, batch: list[Captured]) -> None:
        lines: list[Line] = []
        size_bytes = 0
        for captured in batch:
            line = self._encode(captured)
            if line is None:
                continue
            if lines and size_bytes + len(line.body) > MAX_BATCH_BYTES:
                self._deliver(lines)
                lines, size_bytes = [], 0
            lines.append(line)
            size_bytes += len(line.body)
        if lines:
            self._deliver(lines)

    def _encode(self, captured: Captured) -> Line | None:
        try:
            body = self._build(captured)
        except Exception as failure:  # noqa: BLE001  # the guard: one error that cannot be built must not end the thread
            self._settle(Tally(0, Counter({"internal": captured.occurrences})))
            self._report(failure)
            return None
        if isinstance(body, str):
            self._settle(Tally(0, Counter({body: captured.occurrences})))
            return None
        return Line(body, captured.occurrences)

    def _deliver(self, lines: list[Line]) -> None:
        try:
            tally = self._delivery.deliver(lines)
        except Exception as failure:  # noqa: BLE001  # the guard, as above
            tally = Tally(0, Counter({"internal": sum(line.occurrences for line in lines)}))
            self._report(failure)
        self._settle(tally)

    def _report(self, failure: Exception) -> None:
        if self._settings.on_internal_error is not None:
            self._settings.on_internal_error(failure)

    def _settle(self, tally: Tally) -> None:
        with self._condition:
            self._counters.sent += tally.sent
            self._counters.dropped.update(tally.dropped)
            self._condition.notify_all()
