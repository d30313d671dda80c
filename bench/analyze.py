"""``python -m bench.analyze [GB]``: lines a second and peak memory of ``analyze`` on a mixed log."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from bench.log_lines import write

_POLL_S = 0.05


def _memory(process: psutil.Process) -> int:
    """Return the proportional set size of a process and its children: shared pages count once."""
    total = 0
    for each in (process, *process.children(recursive=True)):
        try:
            total += each.memory_full_info().pss
        except psutil.Error:  # ended between the list and the look
            continue
    return total


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(command: list[str]) -> tuple[float, float, int, str]:
    """Return seconds, seconds of processors, peak memory in bytes and the output of a command."""
    started, before = time.perf_counter(), _processor_s()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watched = psutil.Process(process.pid)
        texts: list[str] = []
        reader = threading.Thread(
            target=lambda: texts.append(process.stdout.read() if process.stdout else "")
        )
        reader.start()
        peak = 0
        while process.poll() is None:
            try:
                peak = max(peak, _memory(watched))
            except psutil.Error:
                break
            time.sleep(_POLL_S)
        reader.join()
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return time.perf_counter() - started, _processor_s() - before, peak, texts[0]


def main(words: list[str]) -> int:
    size = float(words[0]) if words else 1.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mixed.log"
        write(path, int(size * 1e9))
        program = [sys.executable, "-m", "error_manager", "analyze", str(path)]
        for extra in (["--no-findings"], [], ["--report", folder, "--assignments", f"{folder}/rows.csv"]):
            spent_s, processor_s, peak, text = measure([*program, *extra])
            found = re.search(r"([0-9,]+) lines", text)
            lines = int(found[1].replace(",", "")) if found else 0
            named = " ".join(word for word in extra if word.startswith("--")) or "table only"
            print(
                f"{named}: {lines:,} lines, {lines / spent_s:,.0f} lines/s, {processor_s / lines * 1e6:.1f} "
                f"us of a processor per line, peak {peak / 2**20:,.0f} MiB",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
