"""Anomaly: what the detectors tell of public series."""

from __future__ import annotations

from pathlib import Path

from bench import novelty


def run(data: Path, out: Path) -> None:
    if (data / "nab").is_dir():
        novelty.run_nab(data, out)
    else:
        print(f"anomaly nab: not in {data}; skipped")
