"""Token buckets of keys and projects."""

from __future__ import annotations

from datetime import timedelta

import pytest

from error_manager.core.types import ProjectId
from error_manager.storage.base import Grant, IngestKey, Quota
from error_manager.storage.memory import MemoryQuota
from error_manager.storage.quota import FILE_BYTES, SharedTokenBuckets, TokenBuckets


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture
def quota(clock: Clock) -> MemoryQuota:
    """Return full buckets."""
    return MemoryQuota(monotonic=clock)


def key(
    number: int = 1, *, limit: int | None = 100, project: int | None = None, project_id: int = 1
) -> IngestKey:
    """Return a key with limits per minute."""
    window = timedelta(minutes=1)
    return IngestKey(
        id=number,
        key=f"{number:032x}",
        project_id=ProjectId(project_id),
        quota=None if limit is None else Quota(limit=limit, window=window),
        project_quota=None if project is None else Quota(limit=project, window=window),
    )


def test_exactly_the_limit_is_granted_at_once(quota: MemoryQuota) -> None:
    """Of 1,000 items in one moment a limit of 100 lets 100 through."""
    assert sum(quota.take(key(), 1).granted for _ in range(1000)) == 100


def test_a_part_of_a_request_is_granted(quota: MemoryQuota) -> None:
    """A request of 150 gets 100 and is told when the next one fits (60 s / 100 = 0.6 s, in whole seconds)."""
    assert quota.take(key(), 150) == Grant(granted=100, retry_after_s=1, scope="key")


def test_the_bucket_refills_with_time(quota: MemoryQuota, clock: Clock) -> None:
    """After half a window half the limit is back, and never more than the limit."""
    quota.take(key(), 100)
    clock.now += 30
    assert quota.take(key(), 100).granted == 50
    clock.now += 10_000
    assert quota.take(key(), 1000).granted == 100


def test_a_slow_quota_says_how_long_to_wait(quota: MemoryQuota) -> None:
    """With 1 per minute the second item may come in 60 s."""
    quota.take(key(limit=1), 1)
    assert quota.take(key(limit=1), 1) == Grant(granted=0, retry_after_s=60, scope="key")


def test_a_limit_of_zero_grants_nothing(quota: MemoryQuota) -> None:
    """Zero is a switch: wait an hour and ask again."""
    assert quota.take(key(limit=0), 1) == Grant(granted=0, retry_after_s=3600, scope="key")


def test_keys_do_not_share_and_keys_of_a_project_do(quota: MemoryQuota) -> None:
    """Each key has its own bucket; the project's bucket counts both."""
    assert quota.take(key(1), 100).granted == 100
    assert quota.take(key(2), 100).granted == 100
    first, second = key(3, limit=None, project=50, project_id=9), key(4, limit=None, project=50, project_id=9)
    assert quota.take(first, 30).granted == 30
    assert quota.take(second, 30) == Grant(granted=20, retry_after_s=2, scope="project")


def test_the_smaller_of_both_buckets_decides_and_both_pay_once(quota: MemoryQuota) -> None:
    """What the project refuses is not taken from the key."""
    both = key(limit=100, project=10)
    assert quota.take(both, 40).granted == 10
    assert quota.take(key(limit=100), 100).granted == 90


def test_without_quota_everything_passes(quota: MemoryQuota) -> None:
    """No limit is no limit."""
    assert quota.take(key(limit=None), 10**9) == Grant(granted=10**9)


def test_a_changed_limit_counts_at_once(quota: MemoryQuota) -> None:
    """Raising the limit adds the difference; lowering it takes it away; what was used stays used."""
    quota.take(key(limit=100), 60)
    assert quota.take(key(limit=200), 500).granted == 140
    assert quota.take(key(limit=10), 500).granted == 0


def test_a_clock_that_starts_again_fills_the_bucket(quota: MemoryQuota, clock: Clock) -> None:
    """After a restart of the host the monotonic clock is smaller: the bucket is full, not locked for ages."""
    quota.take(key(), 100)
    clock.now = 5.0
    assert quota.take(key(), 100).granted == 100


def test_two_processes_share_one_buffer(clock: Clock) -> None:
    """Two sets over the same bytes grant the limit together."""
    shared = bytearray(FILE_BYTES)
    first, second = TokenBuckets(shared, monotonic=clock), TokenBuckets(shared, monotonic=clock)
    assert first.take(key(), 70).granted + second.take(key(), 70).granted == 100


def test_many_keys_have_their_own_buckets(quota: MemoryQuota) -> None:
    """5,000 keys do not disturb each other."""
    for number in range(1, 5001):
        assert quota.take(key(number, limit=3), 5).granted == 3
    assert sum(quota.take(key(number, limit=3), 5).granted for number in range(1, 5001)) == 0


def test_the_shared_file_has_no_holes(tmp_path):
    """All of it is on disk from the start: a mapped hole on a full disk would end the process."""
    shared = SharedTokenBuckets(tmp_path / "quota", monotonic=lambda: 0.0)
    assert (tmp_path / "quota").stat().st_blocks * 512 >= FILE_BYTES
    shared.close()
    assert (tmp_path / "quota").stat().st_size == FILE_BYTES


def test_a_shared_file_of_another_size_is_made_anew(tmp_path):
    """What an interrupted first start left behind does not stay."""
    (tmp_path / "quota").write_bytes(b"x" * 100)
    SharedTokenBuckets(tmp_path / "quota", monotonic=lambda: 0.0).close()
    assert (tmp_path / "quota").read_bytes() == bytes(FILE_BYTES)
