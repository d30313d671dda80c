"""How long pages take: ``python -m bench.pages [errors]``, default 30,000 of the demo.

The pattern page is measured twice: with what the errors alone say, and with all of its blocks filled by
findings. The analysis is off, so that the figures are of the pages.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil
from bench import found
from bench.processes import cpu_s
from bench.product import Product

from error_manager.runtime.data_folder import service_account
from error_manager.storage.postgres.cluster import APP, open_cluster

_WARM, _MEASURED = 10, 100
_FOUND = 12
"""Patterns with findings: more than a list on the page shows."""


def main(errors: int) -> None:
    """Fill a product of its own and print a line for each page."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        Path(folder).chmod(0o711)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        with Product(Path(folder) / "data", port, "--set", "analysis.is_enabled=false") as product:
            command = [sys.executable, "-m", "error_manager", "demo", "--errors", str(errors)]
            subprocess.run([*command, "--data-dir", str(product.folder)], check=True, stdout=sys.stderr)
            print(f"{errors:,} errors, {psutil.cpu_count()} processors, load {psutil.getloadavg()[0]:.1f}")
            measure(product)


def measure(product: Product) -> None:
    """Print the latency at a client and the processor time of the product, its database included."""
    largest = product.get("/api/v1/patterns?sort=count&limit=1")["items"][0]
    project = largest["project_id"]
    same = product.get(f"/api/v1/patterns?sort=count&project={project}&limit={_FOUND}")["items"]
    page = f"/patterns/{project}/{largest['id']}?range=24h"
    _time(product, "patterns", "/patterns")
    _time(product, "pattern, no findings", page)
    url = open_cluster(product.folder, service_account()).url(APP)
    found.keep(url, project, [one["id"] for one in same])
    _time(product, "pattern, all blocks", page)
    _time(product, "insights, 14 days", "/insights?range=14d")


def _time(product: Product, name: str, path: str) -> None:
    for _ in range(_WARM):
        _read(product, path)
    times, before = [], cpu_s(product.pids)
    for _ in range(_MEASURED):
        began = time.monotonic()
        _read(product, path)
        times.append(1000 * (time.monotonic() - began))
    worked = 1000 * (cpu_s(product.pids) - before) / _MEASURED
    times.sort()
    print(f"{name:22} p50 {times[_MEASURED // 2]:6.1f} ms, p95 {times[_MEASURED * 95 // 100]:6.1f} ms, "
          f"processors {worked:5.1f} ms")  # fmt: skip


def _read(product: Product, path: str) -> None:
    headers = {"Authorization": f"Bearer {product.connection['admin_token']}"}
    request = urllib.request.Request(product.url + path, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30_000)
