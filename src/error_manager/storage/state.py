"""The keys and quotas of the accepting side, also while the database is away (seed box: Configuration Store).

The copy on disk is one sealed file, ``state/keys.sealed``, replaced as a whole: it is read once at the start,
written when a key changes (a few times a day), and a rename is all the transaction it needs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec

from error_manager.core.errors import SealError
from error_manager.core.types import ProjectId
from error_manager.security.encryption import Sealer
from error_manager.storage.base import IngestKey, Quota

_CONTEXT: Final = "state/keys"


class _KeyRow(msgspec.Struct, array_like=True, frozen=True):
    """A key as it stands in the file. Add fields at the end, with defaults."""

    id: int
    key: str
    project_id: int
    label: str
    is_active: bool
    quota: tuple[int, float] | None
    project_quota: tuple[int, float] | None


class KeySnapshot:
    """``KeyStore`` from memory, with a sealed copy on disk."""

    def __init__(self, path: Path, sealer: Sealer) -> None:
        """Read the copy if there is one that can be opened."""
        self._path = path
        self._sealer = sealer
        self._keys: dict[str, IngestKey] = {}
        self._is_loaded = False
        self._load()

    def ingest_key(self, key: str) -> IngestKey | None:
        """Return the key, or None when it is unknown."""
        return self._keys.get(key)

    @property
    def is_loaded(self) -> bool:
        """Return whether the keys are known at all."""
        return self._is_loaded

    def replace(self, keys: Iterable[IngestKey]) -> bool:
        """Take over the keys that the database holds; return whether any changed, so that ``save`` is due."""
        fresh = {key.key: key for key in keys}
        changed = fresh != self._keys or not self._is_loaded
        self._keys = fresh
        self._is_loaded = True
        return changed

    def save(self) -> None:
        """Write the copy, synced.

        Raises:
            OSError: it cannot be written; the old copy is whole.
        """
        rows = [
            _KeyRow(k.id, k.key, k.project_id, k.label, k.is_active, _pack(k.quota), _pack(k.project_quota))
            for k in self._keys.values()
        ]
        scratch = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._sealer.seal(msgspec.msgpack.encode(rows), context=_CONTEXT))
                file.flush()
                os.fsync(file.fileno())
            scratch.rename(self._path)
        finally:
            scratch.unlink(missing_ok=True)

    def _load(self) -> None:
        try:
            plain = self._sealer.open(self._path.read_bytes(), context=_CONTEXT)
            rows = msgspec.msgpack.decode(plain, type=list[_KeyRow])
        except (FileNotFoundError, SealError, msgspec.MsgspecError):
            return  # the database has the truth; until it answers nothing is known
        self.replace(
            IngestKey(
                id=row.id,
                key=row.key,
                project_id=ProjectId(row.project_id),
                label=row.label,
                is_active=row.is_active,
                quota=_unpack(row.quota),
                project_quota=_unpack(row.project_quota),
            )
            for row in rows
        )


def _pack(quota: Quota | None) -> tuple[int, float] | None:
    return None if quota is None else (quota.limit, quota.window.total_seconds())


def _unpack(packed: tuple[int, float] | None) -> Quota | None:
    return None if packed is None else Quota(limit=packed[0], window=timedelta(seconds=packed[1]))
