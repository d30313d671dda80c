"""The durable inbox between accepting and processing, in SQLite segments (seed box: Persistence Layer).

Design D2. Records are appended by one process per slot (``inbox_writer``) and read by workers
(``inbox_reader``); the cursor is committed with the errors in PostgreSQL. SQLite rather than a log file of
our own: torn writes, recovery and reading beside a writer are solved there, and 15,000 rows/s at ten per
commit are more than a host accepts.
"""

from __future__ import annotations

from error_manager.storage.inbox_format import Compressor, RecordCodec, ZstdCompressor
from error_manager.storage.inbox_reader import SqliteInboxReader
from error_manager.storage.inbox_writer import SqliteInbox, default_max_bytes, remove_ownerless

__all__ = [
    "Compressor",
    "RecordCodec",
    "SqliteInbox",
    "SqliteInboxReader",
    "ZstdCompressor",
    "default_max_bytes",
    "remove_ownerless",
]
