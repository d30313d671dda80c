"""Gets lines to the server, or says why not (background thread): retries, back-off, splitting."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from error_manager.client.transport import Answer, Transport, TransportError

MAX_BACKOFF_S: Final = 60.0
_GZIP_LEVEL: Final = 5
_RETRIED: Final = frozenset({429, 503})
_REFUSED: Final = frozenset({401, 403, 404, 405})


class Line(NamedTuple):
    """One encoded error and how many occurrences it stands for."""

    body: bytes
    occurrences: int


class Tally(NamedTuple):
    """How many occurrences the server took, and how many were dropped by reason."""

    sent: int
    dropped: Counter[str]


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
    ) -> None:
        """Keep the means.

        Args:
            transport: the way to the server.
            max_attempts: tries of one batch, >= 1.
            backoff_s: pause after the first failure; it doubles up to ``MAX_BACKOFF_S``.
            timeout_s: longest wait for the server.
            wait: waits so many seconds; True when the client is closing, which ends the retries.
            jitter: random share in [0, 1), so that many clients do not come back at once.
        """
        self._transport = transport
        self._max_attempts = max_attempts
        self._backoff_s = backoff_s
        self._timeout_s = timeout_s
        self._wait = wait
        self._jitter = jitter

    def deliver(self, lines: Sequence[Line]) -> Tally:
        """Send a batch and return what became of each of its errors."""
        sent, dropped = 0, Counter[str]()
        batches = [list(lines)]
        while batches:
            batch = batches.pop()
            answer, reason = self._post_with_retries(batch)
            if answer is not None and answer.status == 413 and len(batch) > 1:
                half = len(batch) // 2
                batches += [batch[half:], batch[:half]]
                continue
            if reason:
                dropped[reason] += sum(line.occurrences for line in batch)
                continue
            invalid = _invalid_places(answer.body if answer is not None else b"")
            for place, line in enumerate(batch):
                if place in invalid:
                    dropped["invalid"] += line.occurrences
                else:
                    sent += line.occurrences
        return Tally(sent, dropped)

    def _post_with_retries(self, batch: Sequence[Line]) -> tuple[Answer | None, str]:
        """Return the last answer and the reason of failure, "" when the server took the batch."""
        body = gzip.compress(b"\n".join(line.body for line in batch), compresslevel=_GZIP_LEVEL)
        attempt = 0
        while True:
            answer, reason = self._post(body)
            attempt += 1
            if reason not in {"network", "rate_limited", "server_error"}:
                return answer, reason
            if attempt >= self._max_attempts or self._wait(self._pause_s(answer, attempt)):
                return answer, reason

    def _post(self, body: bytes) -> tuple[Answer | None, str]:
        try:
            answer = self._transport.post(body, timeout_s=self._timeout_s)
        except TransportError:
            return None, "network"
        return answer, _reason_of(answer.status)

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
        return "rate_limited"
    if status == 413:
        return "too_large"
    if status >= 500 or status == 408:
        return "server_error"
    return "rejected" if status in _REFUSED or status < 400 else "invalid"


def _invalid_places(body: bytes) -> frozenset[int]:
    """Return the places in the batch that the server did not take; none when the answer cannot be read."""
    try:
        answer = json.loads(body)
        results = answer["results"] if type(answer) is dict else ()
        return frozenset(result["index"] for result in results if "errors" in result)
    except (ValueError, KeyError, TypeError, RecursionError):
        return frozenset()
