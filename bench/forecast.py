"""Forecast: the hours that follow, of M4's hourly series and of event counts from rolling origins."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import numpy as np
from bench.files import find, open_text

from error_manager.analysis.prediction import Prediction

_HOUR_S = 3_600
_M4_HORIZON = 48
_DAYS = 14
_DAY = 24


def run(data: Path, out: Path) -> None:
    for name, write in (("m4_train.csv", _write_m4), ("counts.csv", _write_counts)):
        path = find(data, name)
        if path is None:
            print(f"forecast {name}: not in {data}; skipped")
            continue
        started = time.process_time()
        forecasts = write(path, out)
        each_ms = (time.process_time() - started) / max(1, forecasts) * 1e3
        print(f"forecast {name}: {forecasts} forecasts, {each_ms:.1f} ms of processor time each")


def _write_m4(path: Path, out: Path) -> int:
    """The values are no counts: shares, loads and sums of any size, at least a season of them, no gap."""
    with open_text(path) as source:
        rows = [row for row in csv.reader(source) if row]
    with (out / "m4.csv").open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["id", *(f"f{step + 1}" for step in range(_M4_HORIZON))])
        for key, *words in rows:
            values = np.array([float(word) for word in words if word])
            ahead = Prediction(values, step_s=_HOUR_S, horizon=_M4_HORIZON, is_count=False).forecast()
            writer.writerow([key, *(f"{value:.6g}" for value in ahead.point)])
    return len(rows)


def _write_counts(path: Path, out: Path) -> int:
    """One forecast of 24 hours a day over the last 14 days, each from the hours before it alone."""
    series: dict[str, list[float]] = {}
    with open_text(path) as source:
        for row in csv.DictReader(source):
            series.setdefault(row["series"], []).append(float(row["count"]))
    with (out / "counts.csv").open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(["series", "origin", "h", "point", "q10", "q90"])
        for name, counts in series.items():
            for origin in range(len(counts) - _DAY * _DAYS, len(counts), _DAY):
                ahead = Prediction(np.array(counts[:origin]), step_s=_HOUR_S, horizon=_DAY).forecast()
                for hour, bounds in enumerate(zip(ahead.point, ahead.lower80, ahead.upper80, strict=True)):
                    writer.writerow([name, origin, hour, *(f"{value:.6g}" for value in bounds)])
    return len(series) * _DAYS
