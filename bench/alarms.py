"""Correlation, alarms: which alarm types of a network cause which, from the stream alone (no topology)."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np
from bench.files import open_text

from error_manager.analysis.causality import causal_graph

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
    with open_text(path) as source:
        rows = [(float(row["start"]), row["type"], row["device"]) for row in csv.DictReader(source)]
    started = time.process_time()
    names, kinds = np.unique([row[1] for row in rows], return_inverse=True)
    places = np.unique([row[2] for row in rows], return_inverse=True)[1]
    graph = causal_graph(np.array([row[0] for row in rows]), kinds, places, kind_count=len(names))
    took_s = time.process_time() - started
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["cause", "effect", "score", "reported"])
        for edge in graph.edges:
            writer.writerow(
                [names[edge.cause], names[edge.effect], f"{edge.score:.6f}", int(edge.is_reported)]
            )
    reported = sum(edge.is_reported for edge in graph.edges)
    print(
        f"correlation alarm/{target.stem}: {len(rows)} events, {len(names)} types, {reported} reported, "
        f"order trusted {graph.order_trust:.2f}, {took_s:.2f} s of processor time"
    )
