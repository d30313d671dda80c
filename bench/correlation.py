"""Correlation: what causes what, in alarm streams with a known graph."""

from __future__ import annotations

from pathlib import Path

from bench.alarms import run_alarms


def run(data: Path, out: Path) -> None:
    if (data / "alarm").is_dir():
        run_alarms(data, out)
