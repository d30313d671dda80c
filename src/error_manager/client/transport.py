"""What the background thread needs of a way to the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class TransportError(Exception):
    """The server could not be reached or did not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server said; ``retry_after_s`` is None when it named no time."""

    status: int
    body: bytes = b""
    retry_after_s: float | None = None


class Transport(Protocol):
    """A way to the server."""

    def post(self, body: bytes, *, timeout_s: float) -> Answer:
        """Send a gzip body and return the answer.

        Raises:
            TransportError: there is no answer.
        """
        ...

    def forget(self) -> None:
        """Drop the connection without a word to the server (in the child of a fork it is the parent's)."""
        ...
