"""Folds a tight loop of errors: the first is sent at once, the others of a window as one with a count."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping
from types import TracebackType
from typing import Final

from error_manager.client.capture import Captured

MAX_KEYS: Final = 1_000
"""Windows open at once; beyond that errors are sent one by one."""
_INNERMOST: Final = 5


class _Window:
    __slots__ = ("count", "ends_at", "first_at", "last_at", "pending")

    def __init__(self, ends_at: float) -> None:
        self.ends_at = ends_at
        self.count = 0
        self.first_at = 0.0
        self.last_at = 0.0
        self.pending: Captured | None = None


class FoldingTable:
    """The open windows. Not thread-safe: the owner holds its lock while calling."""

    def __init__(self, window_s: float) -> None:
        """Keep windows of ``window_s`` seconds; 0 folds nothing."""
        self._window_s = window_s
        self._windows: dict[Hashable, _Window] = {}

    def is_first(self, key: Hashable, now_s: float) -> bool:
        """Return whether an error is to be sent by itself; opens its window then.

        Args:
            key: what errors that are the same have in common.
            now_s: monotonic clock.
        """
        if self._window_s <= 0:
            return True
        if key in self._windows:
            return False
        if len(self._windows) < MAX_KEYS:
            self._windows[key] = _Window(now_s + self._window_s)
        return True

    def count(self, key: Hashable, timestamp_s: float) -> str:
        """Count one more occurrence and return the id of the error it is summed into, "" when none is."""
        window = self._windows.get(key)
        if window is None or window.pending is None:
            return ""
        window.count += 1
        window.last_at = max(window.last_at, timestamp_s)
        return window.pending.event_id

    def hold(self, key: Hashable, captured: Captured) -> bool:
        """Keep an error as the one that stands for the others of its window.

        Returns:
            False when the window has ended meanwhile: the error is to be sent by itself.
        """
        window = self._windows.get(key)
        if window is None:
            return False
        if window.pending is None:
            window.pending = captured
            window.first_at = captured.timestamp_s
        window.count += 1
        window.last_at = max(window.last_at, captured.timestamp_s)
        return True

    def next_end(self) -> float | None:
        """Return the monotonic time at which the next window ends, None when none is open."""
        # Windows have one length, so the oldest of the (ordered) dict ends first.
        return next((window.ends_at for window in self._windows.values()), None)

    def take_ended(self, now_s: float) -> list[Captured]:
        """Close the windows that have ended and return their sums, with ``occurrences`` set."""
        ended = []
        for key, window in list(self._windows.items()):
            if window.ends_at > now_s:
                break
            del self._windows[key]
            ended += _sum_of(window)
        return ended

    def take_all(self) -> list[Captured]:
        """Close all windows and return their sums."""
        return self.take_ended(float("inf"))


def _sum_of(window: _Window) -> list[Captured]:
    if window.pending is None:
        return []
    pending = window.pending
    pending.occurrences = window.count
    pending.first_timestamp_s = window.first_at
    pending.timestamp_s = window.last_at
    return [pending]


def exception_key(exc: BaseException, context: Mapping[str, object]) -> Hashable:
    """Return what the same error has in common: types and places of it and its cause, user and tags.

    User and tags belong to it so that folding keeps the counts per user and tag exact.
    """
    key = _place_of(exc)
    cause = exc.__cause__ or exc.__context__
    if cause is not None:
        key = (*key, *_place_of(cause))
    return (key, context_key(context)) if context else key


def context_key(context: Mapping[str, object]) -> Hashable:
    """Return the part of a key that comes of bound user and tags; () when there are none."""
    parts: list[tuple[Hashable, ...]] = []
    for name in ("user", "tags", "fingerprint", "severity"):
        value = context.get(name)
        if type(value) is dict:
            parts.append(tuple((str(inner), _leaf(value[inner])) for inner in list(value)[:20]))
        elif value is not None:
            parts.append((name, _leaf(value)))
    return tuple(parts)


def _leaf(value: object) -> Hashable:
    """Return a hashable stand-in that runs no code of the application."""
    kind = type(value)
    if kind is str or kind is int or kind is float or kind is bool:
        return (kind.__name__, str(value))
    if kind is tuple or kind is list:
        return tuple(map(_leaf, value[:10]))  # type: ignore[index]  # not narrowed by the type in a variable
    return id(value)


def _place_of(exc: BaseException) -> tuple[str | int, ...]:
    """Return the type of an exception, and file, function and instruction of its innermost frames.

    Texts and numbers, so that an open window keeps no object of the application alive.
    """
    innermost: deque[TracebackType] = deque(maxlen=_INNERMOST)
    traceback: TracebackType | None = exc.__traceback__
    while traceback is not None:
        innermost.append(traceback)
        traceback = traceback.tb_next
    kind = type(exc)
    places: list[str | int] = [kind.__module__, kind.__qualname__]
    for call in innermost:
        code = call.tb_frame.f_code
        places += (code.co_filename, code.co_firstlineno, call.tb_lasti)
    return tuple(places)
