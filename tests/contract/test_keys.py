"""What every key store and every quota gate promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from error_manager.core.types import ProjectId
from error_manager.security.encryption import MasterKey, Sealer
from error_manager.storage.base import Grant, IngestKey, KeyStore, Quota, QuotaGate
from error_manager.storage.memory import MemoryKeys, MemoryQuota
from error_manager.storage.quota import SharedTokenBuckets
from error_manager.storage.state import KeySnapshot

SEALER = Sealer(MasterKey(id=1, secret=bytes(32)))
FULL = IngestKey(
    id=7,
    key="a" * 32,
    project_id=ProjectId(42),
    label="web",
    is_active=False,
    quota=Quota(limit=5, window=timedelta(seconds=90)),
    project_quota=Quota(limit=9, window=timedelta(minutes=5)),
)
PLAIN = IngestKey(id=8, key="b" * 32, project_id=ProjectId(1))


@pytest.fixture(params=["memory", "snapshot", "snapshot read again"])
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> KeyStore:
    """Return a store that knows two keys."""
    if request.param == "memory":
        return MemoryKeys(FULL, PLAIN)
    snapshot = KeySnapshot(tmp_path / "state" / "keys.sealed", SEALER)
    snapshot.replace([FULL, PLAIN])
    if request.param == "snapshot":
        return snapshot
    snapshot.save()
    return KeySnapshot(tmp_path / "state" / "keys.sealed", SEALER)


@pytest.fixture(params=["memory", "shared"])
def quota(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[QuotaGate]:
    """Return full buckets at a time that stands still."""
    if request.param == "memory":
        yield MemoryQuota(monotonic=lambda: 1000.0)
        return
    shared = SharedTokenBuckets(tmp_path / "quota", monotonic=lambda: 1000.0)
    yield shared
    shared.close()


def test_a_known_key_is_returned_whole(keys: KeyStore) -> None:
    """Every field survives, also through the sealed file."""
    assert keys.ingest_key(FULL.key) == FULL
    assert keys.ingest_key(PLAIN.key) == PLAIN
    assert keys.is_loaded is True


@pytest.mark.parametrize("text", ["", "c" * 32, "A" * 32])
def test_an_unknown_key_is_none(keys: KeyStore, text: str) -> None:
    """Only the exact key is found."""
    assert keys.ingest_key(text) is None


def test_a_quota_is_granted_once(quota: QuotaGate) -> None:
    """The smaller quota decides; what it grants is gone; another key has its own."""
    assert quota.take(FULL, 4) == Grant(granted=4)
    assert quota.take(FULL, 4) == Grant(granted=1, retry_after_s=18, scope="key")
    assert quota.take(PLAIN, 1000) == Grant(granted=1000)


def test_two_gates_over_one_file_share(tmp_path: Path) -> None:
    """What one process takes the other does not get, also after the file was opened again."""
    gates = [SharedTokenBuckets(tmp_path / "quota", monotonic=lambda: 1000.0) for _ in range(2)]
    assert [gate.take(FULL, 3).granted for gate in gates] == [3, 2]
    for gate in gates:
        gate.close()
    again = SharedTokenBuckets(tmp_path / "quota", monotonic=lambda: 1000.0)
    assert again.take(FULL, 3).granted == 0
    again.close()


def test_a_file_of_another_size_is_made_new(tmp_path: Path) -> None:
    """A file that another version left does not stop the start."""
    (tmp_path / "quota").write_bytes(b"x")
    gate = SharedTokenBuckets(tmp_path / "quota", monotonic=lambda: 1000.0)
    assert gate.take(FULL, 3).granted == 3
    gate.close()


def test_only_changes_are_to_be_saved(tmp_path: Path) -> None:
    """The same keys again are no change; the first ones, and a changed quota, are."""
    snapshot = KeySnapshot(tmp_path / "keys.sealed", SEALER)
    changes: list[Callable[[], bool]] = [
        lambda: snapshot.replace([PLAIN]),
        lambda: snapshot.replace([PLAIN]),
        lambda: snapshot.replace([PLAIN, FULL]),
        lambda: snapshot.replace([]),
    ]
    assert [change() for change in changes] == [True, False, True, True]


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage", SEALER.seal(b"garbage", context="state/keys")],
    ids=["empty", "garbage", "sealed garbage"],  # sealing is random: an id made of it differs between workers
)
def test_a_damaged_copy_is_no_copy(tmp_path: Path, content: bytes) -> None:
    """An unreadable file means that nothing is known yet, not that start fails."""
    (tmp_path / "keys.sealed").write_bytes(content)
    snapshot = KeySnapshot(tmp_path / "keys.sealed", SEALER)
    assert snapshot.is_loaded is False
    assert snapshot.ingest_key(PLAIN.key) is None
