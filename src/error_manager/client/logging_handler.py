"""The handler of ``logging`` for chosen loggers, and which records are our own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:  # loaded by ``init``, see ``parts``
    from collections.abc import Callable

    from error_manager.client.client import Client

GetClient: TypeAlias = "Callable[[], Client | None]"
OWN_LOGGER: Final = "error_manager"


def is_own(record: logging.LogRecord) -> bool:
    """Return whether a record comes from Error Manager itself."""
    return record.name == OWN_LOGGER or record.name.startswith(f"{OWN_LOGGER}.")


class LoggingHandler(logging.Handler):
    """Reports records of level ERROR and above, of the loggers it is added to."""

    def __init__(self, get_client: GetClient, level: int = logging.ERROR) -> None:
        super().__init__(level)
        self._get_client = get_client

    def emit(self, record: logging.LogRecord) -> None:
        """Report a record."""
        client = self._get_client()
        if client is not None and not is_own(record):
            client.capture_record(record)
