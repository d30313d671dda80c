"""Correlation, alarms: which alarm types of a network cause which, from the stream alone (no topology)."""

from __future__ import annotations

import csv
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.files import tables

from error_manager.flows.alarm_analysis import AlarmAnalysis

_SUFFIX = "_events.csv"


def run_alarms(data: Path, out: Path) -> None:
    """Write ``out/alarm/<SET>.csv`` for each ``data/alarm/<SET>_events.csv[.gz]``."""
    target = out / "alarm"
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted((data / "alarm").iterdir()):
        name = path.name.removesuffix(".gz")
        if name.endswith(_SUFFIX):
            _run(path, target / f"{name.removesuffix(_SUFFIX)}.csv")


def _run(path: Path, target: Path) -> None:
    analysis = AlarmAnalysis(now=datetime.now(UTC))
    for table in tables(path):
        for _ in analysis.read(table):
            pass
    started = time.process_time()
    found = analysis.finish()
    took_s = time.process_time() - started
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["cause", "effect", "score", "reported"])
        for edge in found.graph.edges:
            writer.writerow(
                [
                    found.kinds[edge.cause],
                    found.kinds[edge.effect],
                    f"{edge.score:.6f}",
                    int(edge.is_reported),
                ]
            )
    reported = sum(edge.is_reported for edge in found.graph.edges)
    print(
        f"correlation alarm/{target.stem}: {found.total} events, {len(found.kinds)} types, "
        f"{reported} reported, order trusted {found.graph.order_trust:.2f}, {took_s:.2f} s of processor time"
    )
