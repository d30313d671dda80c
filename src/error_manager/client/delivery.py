"""Gets lines to the server, or says why not (background thread): retries, back-off, splitting."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from error_manager.client.transport import Answer, Transport, TransportError

MAX_BACKOFF_S: Final = 60.0
_GZIP_LEVEL: Final = 5
_GZIP_BITS: Final = 31
"""zlib writes gzip (16) with the largest window (15); the module ``gzip`` takes 1 ms to import."""
_RETRIED: Final = frozenset({429, 503})
_LATER: Final = "rate_limited"
"""The server's code of an error over quota, and our reason when it was still so at the last try."""
_INVALID: Final = "invalid"
_REJECTED: Final = "rejected"
_REFUSED_KEY: Final = frozenset({401, 403})
_REFUSED: Final = frozenset({401, 403, 404, 405})


class Line(NamedTuple):
    """One encoded error and how many occurrences it stands for."""

    body: bytes
    occurrences: int


class Tally(NamedTuple):
    """How many occurrences the server took, and how many were dropped by reason."""

    sent: int
    dropped: Counter[str]


class _Batch:
    """Errors that go in one request, and how often they were tried."""

    __slots__ = ("attempts", "lines")

    def __init__(self, lines: list[Line], attempts: int = 0) -> None:
        self.lines = lines
        self.attempts = attempts


class Delivery:
    """Sends batches until the server takes them, or there is no more use in trying."""

    def __init__(
        self,
        transport: Transport,
        *,
        max_attempts: int,
        backoff_s: float,
        timeout_s: float,
        wait: Callable[[float], bool],
        jitter: Callable[[], float],
        warn: Callable[[str], None],
    ) -> None:
        """Keep the means.

        Args:
            transport: the way to the server.
            max_attempts: tries of one batch, >= 1.
            backoff_s: pause after the first failure; it doubles up to ``MAX_BACKOFF_S``.
            timeout_s: longest wait for the server.
            wait: waits so many seconds; True when the client is closing, which ends the retries.
            jitter: random share in [0, 1), so that many clients do not come back at once.
            warn: is told, once, that the server is not reached or takes nothing from us.
        """
        self._transport = transport
        self._max_attempts = max_attempts
        self._backoff_s = backoff_s
        self._timeout_s = timeout_s
        self._wait = wait
        self._jitter = jitter
        self._warn = warn
        self._has_warned = False

    def deliver(self, lines: Sequence[Line]) -> Tally:
        """Send a batch and return what became of each of its errors."""
        sent, dropped = 0, Counter[str]()
        batches = [_Batch(list(lines))]
        while batches:
            batch = batches.pop()
            answer, reason = self._post_with_retries(batch)
            if answer is not None and answer.status == 413 and len(batch.lines) > 1:
                half = len(batch.lines) // 2
                batches += [_Batch(batch.lines[half:]), _Batch(batch.lines[:half])]
                continue
            if reason:
                dropped[reason] += _occurrences(batch.lines)
                continue
            refused = _refused_places(answer.body if answer is not None else b"")
            later = [line for place, line in enumerate(batch.lines) if refused.get(place) == _LATER]
            invalid = [line for place, line in enumerate(batch.lines) if refused.get(place) == _INVALID]
            dropped.update({_INVALID: _occurrences(invalid)} if invalid else {})
            sent += _occurrences(batch.lines) - _occurrences(later) - _occurrences(invalid)
            if later and self._may_try_again(answer, batch.attempts):
                batches.append(_Batch(later, batch.attempts))
            elif later:
                dropped[_LATER] += _occurrences(later)
        return Tally(sent, dropped)

    def _post_with_retries(self, batch: _Batch) -> tuple[Answer | None, str]:
        """Return the last answer and the reason of failure, "" when the server took the batch."""
        text = b"\n".join(line.body for line in batch.lines)
        body = zlib.compress(text, _GZIP_LEVEL, wbits=_GZIP_BITS)
        while True:
            answer, reason = self._post(body)
            batch.attempts += 1
            if reason not in {"network", _LATER, "server_error"}:
                return answer, reason
            if not self._may_try_again(answer, batch.attempts):
                return answer, reason

    def _may_try_again(self, answer: Answer | None, attempts: int) -> bool:
        """Wait for the next try; return False when there is none."""
        return attempts < self._max_attempts and not self._wait(self._pause_s(answer, attempts))

    def _post(self, body: bytes) -> tuple[Answer | None, str]:
        try:
            answer = self._transport.post(body, timeout_s=self._timeout_s)
        except TransportError as failure:
            self._warn_once(f"cannot be reached ({failure}): see that it runs, and host and port of the DSN")
            return None, "network"
        reason = _reason_of(answer.status)
        if reason == _REJECTED:
            what = "refused the key" if answer.status in _REFUSED_KEY else "takes no errors at this address"
            self._warn_once(f"{what} ({answer.status}): copy the DSN from its page Connect")
        return answer, reason

    def _warn_once(self, text: str) -> None:
        """Say why nothing arrives: once, because an outage must not fill the log of the application."""
        if not self._has_warned:
            self._has_warned = True
            self._warn(text)

    def _pause_s(self, answer: Answer | None, attempt: int) -> float:
        """Return the pause before the next try: what the server asked for and a bit more, else back-off."""
        if answer is not None and answer.retry_after_s is not None:
            return answer.retry_after_s + self._jitter()
        return min(MAX_BACKOFF_S, self._backoff_s * 2.0 ** (attempt - 1)) * (0.5 + self._jitter())


def _reason_of(status: int) -> str:
    """Return why an answer is no success, "" when it is one."""
    if 200 <= status < 300:
        return ""
    if status in _RETRIED:
        return _LATER
    if status == 413:
        return "too_large"
    if status >= 500 or status == 408:
        return "server_error"
    return _REJECTED if status in _REFUSED or status < 400 else _INVALID


def _refused_places(body: bytes) -> dict[int, str]:
    """Return place in the batch -> why the server did not take it; none when the answer cannot be read."""
    try:
        answer = json.loads(body)
        results = answer["results"] if type(answer) is dict else ()
        return {
            result["index"]: _LATER if any(e.get("code") == _LATER for e in result["errors"]) else _INVALID
            for result in results
            if "errors" in result
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _occurrences(lines: Sequence[Line]) -> int:
    return sum(line.occurrences for line in lines)
