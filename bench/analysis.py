"""Time and memory of the analysis on a month of stored errors: each step, the process, the whole tree.

``python -m bench.analysis [--errors N] [--patterns N] [--days N] [--keep DIR]``; prints JSON. Seconds are
those of the processors: of the analysing process and, apart, of the database for it.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from bench.ingest import free_port
from bench.processes import cpu_s
from bench.product import Product
from bench.stored import Size, fill

from error_manager.flows.analysis import analyze_minutes
from error_manager.flows.analysis_hours import analyze_hours
from error_manager.runtime.host import host_facts
from error_manager.runtime.settings import Settings, load_settings
from error_manager.runtime.wiring.analysis import build
from error_manager.runtime.wiring.analysis_hour import open_hour_services

_OFF = ("--set", "analysis.is_enabled=false")


def settings_of(folder: Path) -> Settings:
    """Return the settings of a data folder."""
    return load_settings({"data_dir": folder}, environ={})


async def _step(folder: Path, step: str) -> dict[str, Any]:
    began, cpu = time.monotonic(), time.process_time()
    settings = settings_of(folder)
    if step == "hours":
        async with open_hour_services(settings, index=9) as services:
            await analyze_hours(services)
            runs = await services.findings.latest_runs()
    else:
        work = build(settings, index=9)
        await work.parts.connections.open()
        await analyze_minutes(work.services)
        runs = await work.services.findings.latest_runs()
        await work.parts.close()
    took, spent = time.monotonic() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    parts = {run.step: [round(run.cpu_s, 2), round(run.took_s, 2), run.items, run.detail] for run in runs}
    return {"took_s": round(took, 2), "cpu_s": round(spent, 2), "peak_mib": round(peak), "parts": parts}


def step(folder: Path, name: str, database: list[int]) -> dict[str, Any]:
    """Run one step in a process of its own; return what it cost, and what the database spent meanwhile."""
    before = cpu_s(database)
    command = [sys.executable, "-m", "bench.analysis", "--step", name, "--keep", str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return {**found, "database_cpu_s": round(cpu_s(database) - before, 2)}


def postgres_of(pids: list[int]) -> list[int]:
    """Return the main process of PostgreSQL below a supervisor."""
    children = [child for pid in pids for child in psutil.Process(pid).children(recursive=True)]
    names = [(child.pid, (child.cmdline() or [""])[0]) for child in children]
    return [pid for pid, name in names if name.endswith("/postgres")][:1]


def measure(folder: Path, size: Size) -> dict[str, Any]:
    """Fill, run the steps twice (the second time as it goes on), then look at the whole tree."""
    found: dict[str, Any] = {}
    port = free_port()
    with Product(folder, port, *_OFF) as product:
        if not (folder / "filled").exists():
            found["fill_s"] = round(fill(settings_of(folder).database_owner_url, size))
            (folder / "filled").touch()
        database = postgres_of(product.pids)
        for name in ("minutes", "hours", "minutes", "hours"):
            found.setdefault(name, []).append(step(folder, name, database))
    with Product(folder, port) as product:
        time.sleep(100)
        found["idle"] = memory(folder)
    return found


def memory(folder: Path) -> dict[str, float]:
    """Return the proportional set size of each kind of process and of the tree, in MiB."""
    parts: dict[str, float] = collections.defaultdict(float)
    for each in host_facts(folder).processes:
        size = each.memory_bytes / 2**20
        parts[each.name if each.name.startswith("analysis") else each.name.split(" ")[0].rstrip(":")] += size
        parts["tree"] += size
    return {name: round(value, 1) for name, value in parts.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", type=int, default=5_000_000)
    parser.add_argument("--patterns", type=int, default=2_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--keep", type=Path, help="folder that is filled once and used again")
    parser.add_argument("--step", choices=("minutes", "hours"), help="only this; the database runs")
    args = parser.parse_args()
    if args.step:
        print(json.dumps(asyncio.run(_step(args.keep, args.step))))
        return 0
    with tempfile.TemporaryDirectory(prefix="em-bench-") as folder:
        size = Size(errors=args.errors, patterns=args.patterns, days=args.days)
        print(json.dumps(measure(args.keep or Path(folder) / "data", size), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
