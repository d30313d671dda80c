"""Anomaly: alerts of simulated event rates, minute by minute, as the analysis worker would give them."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np
from bench.novelty import run_nab

from error_manager.analysis.anomaly import RateDetector
from error_manager.analysis.anomaly_alert import Deploy

KNOWN_MINUTES = 5
"""A deploy is reported once; it is passed on for this long, as a store that is read each minute would."""


def run(data: Path, out: Path) -> None:
    if (data / "nab").is_dir():
        run_nab(data, out)
    if (data / "rates").is_dir():
        (out / "rates").mkdir(parents=True, exist_ok=True)
        run_rates(data / "rates", out / "rates")


def run_rates(data: Path, out: Path) -> None:
    for folder in sorted(path.parent for path in data.glob("*/rates.npz")):
        started = time.process_time()
        alerts, minutes, size = detect(folder)
        with (out / f"{folder.name}.csv").open("w", newline="", encoding="utf-8") as target:
            table = csv.writer(target)
            table.writerow(["series", "minute"])
            table.writerows(alerts)
        each_us = (time.process_time() - started) / minutes * 1e6
        print(f"rates {folder.name}: {len(alerts)} alerts, {each_us:.0f} us a minute, {size} bytes a series")


def detect(folder: Path) -> tuple[list[tuple[str, int]], int, int]:
    """Return (series, minute) of each alert, the minutes, and the bytes of state per series."""
    with np.load(folder / "rates.npz") as file:
        counts, names, start = (
            file["counts"].astype(float),
            [str(name) for name in file["names"]],
            int(file["start"]),
        )
    counts[counts < 0] = np.nan
    deploys = read_deploys(folder)
    detector = RateDetector()
    detector.add(names)
    alerts = []
    for minute, row in enumerate(np.ascontiguousarray(counts.T)):
        known = [Deploy(at_s=start + 60 * at) for at in deploys if minute - KNOWN_MINUTES < at <= minute]
        told = detector.update(start + 60 * minute, row, deploys=known)
        alerts += [(alert.key, minute) for alert in told if alert.ended_s is None]
    return alerts, len(counts.T), len(detector.to_bytes()) // max(1, len(names))


def read_deploys(folder: Path) -> list[int]:
    """Return the minutes of deploys; none without a calendar. A product knows no holidays and gaps."""
    path = folder / "calendar.csv"
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as source:
        return [int(row["start"]) for row in csv.DictReader(source) if row["what"] == "deploy"]
