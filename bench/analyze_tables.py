"""``python -m bench.analyze_tables``: cost and peak memory of ``analyze`` on metrics and alarms, made up."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
from bench.analyze import measure

_START_S = 1_795_000_000
_METRICS = ((20_000, 1), (60_000, 1), (20_000, 5))
_ALARMS = (100_000, 1_000_000)
_KINDS, _PLACES, _SPAN_S = 50, 500, 30 * 86_400


def main() -> int:
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        for rows, columns in _METRICS:
            _write_metric(path, rng, rows, columns)
            _tell(path, "metric", f"{rows:,} rows of {columns} columns", rows * columns)
        for count in _ALARMS:
            _write_alarms(path, rng, count)
            _tell(path, "alarms", f"{count:,} alarms of {_KINDS} kinds", count)
    return 0


def _tell(path: Path, kind: str, what: str, count: int) -> None:
    command = [sys.executable, "-m", "error_manager", "analyze", str(path), "--input", kind]
    _, processor_s, peak, _ = measure(command)
    each = f"{processor_s:.1f} s of a processor, {processor_s / count * 1e6:.1f} us each"
    print(f"{kind}, {what}: {each}, peak {peak / 2**20:,.0f} MiB", flush=True)


def _write_metric(path: Path, rng: np.random.Generator, rows: int, columns: int) -> None:
    """Write columns that follow a day of minutes, with noise."""
    day = np.sin(2 * np.pi * np.arange(rows) / 1_440)
    values = day[:, None] + rng.normal(0, 0.3, (rows, columns))
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(["time", *(f"c{at}" for at in range(columns))]) + "\n")
        for at, row in enumerate(values):
            file.write(f"{_START_S + 60 * at},{','.join(f'{value:.4f}' for value in row)}\n")


def _write_alarms(path: Path, rng: np.random.Generator, count: int) -> None:
    """Write alarms that have nothing to do with each other."""
    times = np.sort(rng.uniform(_START_S, _START_S + _SPAN_S, count))
    kinds, places = rng.integers(0, _KINDS, count), rng.integers(0, _PLACES, count)
    with path.open("w", encoding="utf-8") as file:
        file.write("time,alert,host\n")
        for at_s, kind, place in zip(times, kinds, places, strict=True):
            file.write(f"{at_s:.0f},kind {kind},host {place}\n")


if __name__ == "__main__":
    sys.exit(main())
