"""Correlation: which pattern follows which, by the product's own function, on simulated streams."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from bench.alarms import run_alarms
from bench.files import find, open_text

from error_manager.analysis.correlation import Relation, correlate
from error_manager.analysis.explanation import Kind


def run(data: Path, out: Path) -> None:
    if (data / "alarm").is_dir():
        run_alarms(data, out)
    for group in ("sim", "hard"):
        if (data / group).is_dir():
            _run_streams(data / group, out / group)


def _run_streams(data: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        path = find(folder, "events.csv")
        if path is None:
            print(f"correlation {folder.name}: events.csv is not in {folder}; skipped")
            continue
        started = time.process_time()
        with open_text(path) as source:
            rows = list(csv.reader(source))[1:]
        names, patterns = np.unique([row[1] for row in rows], return_inverse=True)
        hosts = np.unique([row[2] for row in rows], return_inverse=True)[1]
        times = np.array([row[0] for row in rows], dtype=np.float64)
        read = time.process_time()
        relations = correlate(
            times, patterns, hosts, n_patterns=len(names), observed=(0.0, float(np.ceil(times.max() + 1)))
        )
        spent_s = time.process_time() - read
        _write(out / f"{folder.name}.csv", relations, names.tolist())
        told = sum(relation.kind is Kind.DIRECT for relation in relations)
        print(
            f"correlation {data.name}/{folder.name}: {len(rows)} events, {told} relations, {spent_s:.1f} s, "
            f"reading {read - started:.1f} s"
        )


def _write(path: Path, relations: Iterable[Relation], names: list[str]) -> None:
    with path.open("w", newline="", encoding="utf-8") as target:
        rows = csv.writer(target)
        rows.writerow(("cause", "effect", "score", "lag_s", "reported"))
        for found in relations:
            told = int(found.kind is Kind.DIRECT)
            rows.writerow((names[found.cause], names[found.effect], found.score, round(found.lag_s, 3), told))
