"""What the benchmarks measure: memory (PSS) and CPU seconds of process trees, bytes on disk, fsync rate."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and all below it."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def pss_mib(pids: list[int]) -> float:
    """Return the proportional set size of the trees, in MiB."""
    total = 0
    for pid in pids:
        for process in tree(pid):
            try:
                total += process.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
    return total / 2**20


def cpu_s(pids: list[int]) -> float:
    """Return the user and system seconds of the trees, ended children included."""
    total = 0.0
    for pid in pids:
        for process in tree(pid):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
            total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


def disk_bytes(folder: Path) -> int:
    """Return the allocated bytes of all files of a folder."""
    total = 0
    for path in folder.rglob("*"):
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        total += status.st_blocks * 512
    return total


def fsync_per_s(folder: Path, *, seconds: float = 1.0) -> float:
    """Return how many 4 kB writes with fdatasync the folder's disk takes per second."""
    path = folder / "fsync-test"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        count, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            os.pwrite(descriptor, b"x" * 4096, 0)
            os.fdatasync(descriptor)
            count += 1
        return count / (time.perf_counter() - start)
    finally:
        os.close(descriptor)
        path.unlink()
