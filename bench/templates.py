"""Speed of the template miner: ``python -m bench.templates DATA_DIR [--rival-python PATH]``.

DATA_DIR is a folder as bench/parsing.py takes it. Measured on one core, by processor time: lines/s with empty
memories and when the same lines come again, the price of masking and matching against a snapshot per message
in the ingest path, and one megabyte of each hostile text. With the Python of an environment that has Drain3,
its lines/s on the same lines, in turns with ours.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.parsing import read_sets

from error_manager.analysis.templates import TemplateMiner
from error_manager.core.value_mask import masked_words

ROUNDS = 5
HOSTILE = {
    "one word": "x",
    "words": "a ",
    "numbers": "1 ",
    "dots": "a.",
    "slashes": "/a",
    "hexadecimal": "0x",
    "less than": "<",
    "wildcards": "<*>",
    "brackets": "[",
    "at signs": "a@",
    "colons": "ab:",
    "dashes": "a-1-",
    "underscores": "a_1",
    "dotted numbers": "1.",
    "schemes": "http://",
    "quotes": "'\"`",
    "equal signs": "a=",
    "dates and users": "Jan 3 user x 5 MB ",
    "half a mask": "[email",
}


def hostile(unit: str, size: int) -> str:
    """Return a text of ``size`` characters that repeats a unit."""
    return (unit * (size // len(unit) + 1))[:size]


def rates(sets: list[list[str]]) -> dict[str, float]:
    """Return lines/s: of lines that come for the first time, of the same lines again, and of both."""
    count = sum(map(len, sets))
    miners = [TemplateMiner() for _ in sets]
    times = [time.process_time()]
    for _ in range(2):
        for miner, messages in zip(miners, sets, strict=True):
            for message in messages:
                miner.add(message)
        times.append(time.process_time())
    started, between, ended = times
    return {
        "first": count / (between - started),
        "again": count / (ended - between),
        "both": 2 * count / (ended - started),
    }


def in_new_process(data: Path) -> dict[str, float]:
    """Return the rates measured with empty memories."""
    command = [sys.executable, "-m", "bench.templates", str(data), "--rates-only"]
    return dict(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def rival_rate(python: str, sets: list[list[str]]) -> float:
    """Return the lines/s of Drain3."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(sets, file)
        file.flush()
        command = [python, str(Path(__file__).with_name("drain_rival.py")), file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)["lines_per_s"])


def ingest_us(sets: list[list[str]]) -> tuple[float, float]:
    """Return the price of masking, and of masking and matching against a snapshot, in us per message."""
    snapshots = []
    for messages in sets:
        miner = TemplateMiner()
        for message in messages:
            miner.add(message)
        snapshots.append(miner.publish())
        snapshots[-1].match("the tree is made at the first match")
    count = sum(map(len, sets))
    started = time.process_time()
    for messages in sets:
        for message in messages:
            masked_words(message)
    between = time.process_time()
    for snapshot, messages in zip(snapshots, sets, strict=True):
        for message in messages:
            snapshot.match(message)
    ended = time.process_time()
    return (between - started) / count * 1e6, (ended - between) / count * 1e6


def mining_ms(message: str) -> float:
    """Return the time that one message takes a new miner."""
    miner = TemplateMiner()
    started = time.process_time()
    miner.add(message)
    return (time.process_time() - started) * 1e3


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rival-python", help="the Python of an environment with drain3==0.9.11")
    parser.add_argument("--rates-only", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    sets = [[message for _, message in messages] for messages in read_sets(args.data).values()]
    if args.rates_only:
        print(json.dumps(rates(sets)))
        return
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(in_new_process(args.data))
        if args.rival_python:
            theirs.append(rival_rate(args.rival_python, sets))
    result: dict[str, object] = {
        f"lines_per_s_{kind}": round(median(run[kind] for run in ours)) for kind in ours[0]
    }
    if theirs:
        result["lines_per_s_drain3"] = round(median(theirs))
        for kind in ours[0]:
            pairs = zip(ours, theirs, strict=True)
            result[f"ratio_{kind}"] = round(median(run[kind] / rival for run, rival in pairs), 2)
    mask_us, match_us = ingest_us(sets)
    result |= {"mask_us": round(mask_us, 1), "mask_and_match_us": round(match_us, 1)}
    small = {name: mining_ms(hostile(unit, 100_000)) for name, unit in HOSTILE.items()}
    large = {name: mining_ms(hostile(unit, 1_000_000)) for name, unit in HOSTILE.items()}
    worst = max(large, key=large.__getitem__)
    result |= {"hostile_1mb_ms": round(large[worst], 1), "hostile_worst": worst}
    result["hostile_growth_of_10x"] = round(max(large[name] / small[name] for name in large), 1)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
