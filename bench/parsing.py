"""Parsing: each log message to its template, in order of arrival, one configuration for all sets."""

from __future__ import annotations

import csv
import time
from pathlib import Path

from bench.files import open_text

from error_manager.analysis.templates import TemplateMiner


def run(data: Path, out: Path) -> None:
    folder = data / "gt" if (data / "gt").is_dir() else data
    files = sorted(path for path in folder.iterdir() if path.name.endswith((".csv", ".csv.gz")))
    count, spent_s = 0, 0.0
    for path in files:
        with open_text(path) as source:
            # Only the message: the truth beside it is not looked at.
            messages = [(row["LineId"], row["Content"]) for row in csv.DictReader(source)]
        miner = TemplateMiner()
        started = time.perf_counter()
        found = [(line, miner.add(message)) for line, message in messages]
        spent_s += time.perf_counter() - started
        count += len(found)
        rows = [(line, f"E{template.id}", template.text) for line, template in found]
        with (out / path.name.removesuffix(".gz")).open("w", newline="", encoding="utf-8") as target:
            csv.writer(target).writerows([("LineId", "EventId", "EventTemplate"), *rows])
    print(f"parsing: {count} lines of {len(files)} sets, {count / max(spent_s, 1e-9):,.0f} lines/s")
