"""Novelty: the score of each value of NAB's series, given value by value."""

from __future__ import annotations

import csv
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.files import tables

from error_manager.flows.metric_analysis import MetricAnalysis


def run_nab(data: Path, out: Path) -> None:
    """Score each series of ``data/nab`` into ``out/nab``, in folders of the same names."""
    started, values = time.process_time(), 0
    for path in sorted((data / "nab").glob("*/*.csv*")):
        target = out / "nab" / path.parent.name / path.name.removesuffix(".gz")
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("w", encoding="utf-8", newline="") as written:
            writer = csv.writer(written)
            writer.writerow(["timestamp", "value", "anomaly_score"])
            for table in tables(path):
                analysis = MetricAnalysis(table, now=datetime.now(UTC))
                for line, cells in table.rows:
                    for scored in analysis.add(line, cells):
                        writer.writerow([*cells, f"{scored.score:.6g}"])
                        values += 1
    each_us = (time.process_time() - started) / max(1, values) * 1e6
    print(f"anomaly nab: {values} values, {each_us:.0f} us of processor time each")
