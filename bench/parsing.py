"""Parsing: each log message to its template, in order of arrival, one configuration for all sets.

``<Dataset>.csv`` has the templates as they are at the end, where merged ones count as one;
``arrival/<Dataset>.csv`` has the ids that were given when the lines came, and the templates of the end.
"""

from __future__ import annotations

import csv
import time
from pathlib import Path

from bench.files import open_text

from error_manager.analysis.templates import TemplateMiner

_COLUMNS = ("LineId", "EventId", "EventTemplate")


def read_sets(data: Path) -> dict[str, list[tuple[str, str]]]:
    """Return the messages of each set with their ids; the truth beside them is not looked at."""
    folder = data / "gt" if (data / "gt").is_dir() else data
    sets = {}
    for path in sorted(path for path in folder.iterdir() if path.name.endswith((".csv", ".csv.gz"))):
        with open_text(path) as source:
            rows = csv.DictReader(source)
            sets[path.name.removesuffix(".gz")] = [(row["LineId"], row["Content"]) for row in rows]
    return sets


def run(data: Path, out: Path) -> None:
    count, spent_s = 0, 0.0
    (out / "arrival").mkdir(parents=True, exist_ok=True)
    sets = read_sets(data)
    for name, messages in sets.items():
        miner = TemplateMiner()
        started = time.perf_counter()
        found = [(line, miner.add(message).id) for line, message in messages]
        spent_s += time.perf_counter() - started
        count += len(found)
        _write(out / name, [(line, f"E{miner.resolve(given)}", _text(miner, given)) for line, given in found])
        _write(out / "arrival" / name, [(line, f"E{given}", _text(miner, given)) for line, given in found])
    print(f"parsing: {count} lines of {len(sets)} sets, {count / max(spent_s, 1e-9):,.0f} lines/s")


def _text(miner: TemplateMiner, given: int) -> str:
    template = miner.get(given)
    if template is None:
        raise LookupError(f"template {given} was forgotten: more templates than the miner keeps")
    return template.text


def _write(path: Path, rows: list[tuple[str, str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as target:
        csv.writer(target).writerows([_COLUMNS, *rows])
