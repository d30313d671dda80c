"""What the machine says of this installation: processes, memory, disks (seed box: Metrics Collector)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psutil

from error_manager.monitoring.dashboard import DiskFacts, HostFacts, ProcessFacts
from error_manager.runtime.data_folder import holder_of
from error_manager.runtime.fork import TITLE

_PARTS: Final = ("inbox", "postgres", "qdrant", "files", "logs")
_COMMANDS: Final = ("serve", "worker", "index", "index-server", "demo", "migrate")


def host_facts(data_dir: Path) -> HostFacts:
    """Return the processes of the tree that runs on a data folder, and what its parts take on disk."""
    return HostFacts(processes=tuple(_processes(data_dir)), disks=tuple(_disks(data_dir)))


def _processes(data_dir: Path) -> Iterator[ProcessFacts]:
    top = holder_of(data_dir)
    try:
        main = psutil.Process(os.getpid() if top is None else top)
        tree = [main, *main.children(recursive=True)]
    except psutil.Error:
        return
    for process in tree:
        try:
            yield ProcessFacts(
                name=_name(process, is_supervisor=process.pid == top),
                pid=process.pid,
                memory_bytes=_memory(process),
                started_at=datetime.fromtimestamp(process.create_time(), UTC),
            )
        except psutil.Error:
            continue


def _name(process: psutil.Process, *, is_supervisor: bool) -> str:
    """Return "supervisor", "serve 0", "worker 0", "postgres", or "postgres: what it does"."""
    if is_supervisor:
        return "supervisor"
    words = process.cmdline()
    if words and words[0].startswith("postgres: "):
        return words[0].strip()
    if words and words[0].startswith(TITLE):
        return words[0].removeprefix(TITLE)
    if words and words[0].endswith("/postgres"):
        return "postgres"
    command = next((word for word in words if word in _COMMANDS), "")
    if "--role" in words[:-1]:
        return words[words.index("--role") + 1]
    for option in ("--slot", "--index"):
        if option in words[:-1]:
            return f"{command} {words[words.index(option) + 1]}"
    return command or process.name()


def _memory(process: psutil.Process) -> int:
    """Return the proportional set size in bytes: shared pages are divided among those that share them.

    Where the system does not tell it: the resident size.
    """
    full = process.memory_full_info()
    return int(getattr(full, "pss", 0) or full.rss)


def _disks(data_dir: Path) -> Iterator[DiskFacts]:
    for name in _PARTS:
        folder = data_dir / name
        if folder.is_dir():
            usage = shutil.disk_usage(folder)
            yield DiskFacts(
                name=name, used_bytes=folder_bytes(folder), free_bytes=usage.free, total_bytes=usage.total
            )


def folder_bytes(folder: Path) -> int:
    """Return what a folder takes on disk; files that vanish while it is read are left out."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(f"{root}/{name}").st_blocks * 512
            except OSError:
                continue
    return total
