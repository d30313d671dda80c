"""Errors per second end to end, latency, disk and memory, beside Bugsink's (in the order ours, rival, ours).

``python -m bench.ingest BENCH_DATA [--rival-folder DIR]``: BENCH_DATA holds ``load/load.py`` and a pack.
Prints JSON. On a machine with more than two cores run it under ``taskset -c 0,1``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.bugsink import Bugsink
from bench.processes import cpu_s, fsync_per_s, pss_mib
from bench.product import Product

System = Product | Bugsink


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def load(system: System, data: Path, *options: str) -> dict[str, Any]:
    """Send the pack; return what the client measured."""
    command = [sys.executable, str(data / "load" / "load.py"), system.url, system.key, system.project,
               str(data / "load" / "pack1000.bin"), *options]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[0])
    return found


def wait_stored(system: System, wanted: int, *, timeout_s: float = 120) -> float:
    """Wait until ``wanted`` errors are stored; return the seconds it took."""
    began = time.monotonic()
    while system.stored() < wanted:
        if time.monotonic() > began + timeout_s:
            raise RuntimeError(f"{system.name}: {system.stored()} of {wanted} stored after {timeout_s} s")
        time.sleep(0.25)  # asking costs the server something, too
    return time.monotonic() - began


def throughput(system: System, data: Path, *, events: int, concurrency: int) -> dict[str, Any]:
    """Return the end-to-end rate of a closed loop: accepted / (sending + drain)."""
    before, cpu = system.stored(), cpu_s(system.pids)
    sent = load(system, data, "--events", str(events), "--seconds", "600", "--concurrency", str(concurrency))
    drain = wait_stored(system, before + sent["accepted"])
    seconds = sent["seconds"] + drain
    return {
        "accepted": sent["accepted"],
        "refused": sent["non_2xx"],
        "accepted_per_s": sent["accepted_per_s"],
        "stored_per_s": round(sent["accepted"] / seconds, 1),
        "drain_s": round(drain, 2),
        "cpu_ms_per_error": round((cpu_s(system.pids) - cpu) / sent["accepted"] * 1000, 3),
        "p50_ms": sent["p50_ms"],
        "p99_ms": sent["p99_ms"],
    }


def disk(system: System, data: Path) -> float:
    """Return bytes per error: (size after 6,000 - size after 1,000) / 5,000."""
    before = system.stored()
    sizes = []
    for events in (1000, 5000):
        before += load(system, data, "--events", str(events), "--seconds", "600")["accepted"]
        wait_stored(system, before)
        system.settle()
        sizes.append(system.bytes_on_disk())
    return (sizes[1] - sizes[0]) / 5000


def measure(data: Path, work: Path, rival_folder: Path, *, events: int, rival_events: int) -> dict[str, Any]:
    """Run everything; return the figures."""
    result: dict[str, Any] = {"fsync_per_s": round(fsync_per_s(work))}
    with Product(work / "ours", free_port()) as ours:
        time.sleep(5)
        result["memory_idle_mib"] = round(pss_mib(ours.pids), 1)
        load(ours, data, "--events", "600", "--seconds", "60")  # the dictionary of the project is trained
        result["ours_first"] = throughput(ours, data, events=events, concurrency=64)
        result["memory_after_mib"] = round(pss_mib(ours.pids), 1)
        result["open_loop_500"] = load(ours, data, "--rate", "500", "--seconds", "20", "--concurrency", "64")
    with Bugsink(rival_folder, free_port()) as rival:
        result["rival"] = throughput(rival, data, events=rival_events, concurrency=16)
        result["rival_memory_mib"] = round(pss_mib(rival.pids), 1)
    with Product(work / "ours", ours.port) as ours:
        result["ours_second"] = throughput(ours, data, events=events, concurrency=64)
        result["ledger"] = ours.ledger()
    mean = (result["ours_first"]["stored_per_s"] + result["ours_second"]["stored_per_s"]) / 2
    result["ratio"] = round(mean / result["rival"]["stored_per_s"], 1)
    with Product(work / "disk", free_port()) as ours:
        result["bytes_per_error"] = round(disk(ours, data))
    shutil.rmtree(rival_folder / "data")
    with Bugsink(rival_folder, free_port()) as rival:
        result["rival_bytes_per_error"] = round(disk(rival, data))
    result["disk_ratio"] = round(result["bytes_per_error"] / result["rival_bytes_per_error"], 3)
    return result


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--events", type=int, default=15_000)
    parser.add_argument("--rival-events", type=int, default=1500)
    parser.add_argument(
        "--rival-folder", type=Path, help="keeps the rival's virtual environment for the next run"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rival = args.rival_folder or Path(folder) / "rival"
        shutil.rmtree(rival / "data", ignore_errors=True)
        rival.mkdir(parents=True, exist_ok=True)
        found = measure(args.data, Path(folder), rival, events=args.events, rival_events=args.rival_events)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
