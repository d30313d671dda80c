"""Recommendations: the family told first for labelled messages, beside two baselines.

``python -m bench.recommendations`` judges the product on the labelled messages of this repository; the half
that stays unseen while matchers are written is counted with ``--unseen`` only. ``--missed`` lists what was
wrong. ``python -m bench recommendations DATA_DIR OUT_DIR`` writes ``predictions.csv`` (id, and family or
``none``) for the ``messages.jsonl`` of others.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from bench.files import find, open_text

from error_manager.analysis.diagnosis import Diagnoser, Symptoms, symptoms_of
from error_manager.analysis.family import Family
from error_manager.core.types import ErrorEvent, EventId, ExceptionInfo
from error_manager.decoding.stacktext.reader import parse_trace
from error_manager.runtime.wiring.knowledge import load_diagnoser, load_families

OWN = Path(__file__).parent / "data" / "recommendations" / "messages.jsonl"
NONE = "none"
_ID = EventId("0" * 32)
_AT = datetime(2026, 1, 1, tzinfo=UTC)
Row = Mapping[str, str]


def rows_of(path: Path) -> list[dict[str, str]]:
    with open_text(path) as source:
        return [json.loads(line) for line in source if line.strip()]


def is_unseen(row: Row) -> bool:
    return row["id"][0] in "89abcdef"


def symptoms(row: Row) -> Symptoms:
    kind, message, text = row.get("type") or "", row.get("message") or "", row.get("trace") or ""
    trace = parse_trace(text or message)
    chain = trace.exceptions if trace is not None else ()
    if kind and all(item.type.split(".")[-1] != kind.split(".")[-1] for item in chain):
        chain = (*chain, ExceptionInfo(type=kind, value=message))
    return symptoms_of(
        ErrorEvent(
            event_id=_ID,
            timestamp=_AT,
            message=message,
            stack_trace=text,
            platform=row.get("platform") or "",
            exceptions=chain,
            frames=() if trace is None else trace.frames,
        )
    )


def tell(diagnoser: Diagnoser, row: Row) -> str:
    found = diagnoser.diagnose(symptoms(row))
    return found[0].family if found else NONE


def run(data: Path, out: Path) -> None:
    path = find(data, "messages.jsonl")
    if path is None:
        print(f"recommendations: no messages.jsonl in {data}; skipped")
        return
    rows = rows_of(path)
    diagnoser = load_diagnoser()
    started = time.process_time()
    told = [(row["id"], tell(diagnoser, row)) for row in rows]
    each_us = (time.process_time() - started) / max(1, len(rows)) * 1e6
    with (out / "predictions.csv").open("w", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows([("id", "family"), *told])
    print(f"recommendations: {len(rows)} messages, {each_us:.0f} us each")


# ---------------------------------------------------------------------------------------------- baselines


def most_frequent(rows: Iterable[Row]) -> Callable[[Row], str]:
    """Tell the most frequent family, always."""
    counts = Counter(row["family"] for row in rows if row["family"] != NONE)
    best = counts.most_common(1)[0][0]
    return lambda _: best


def by_keywords(families: Iterable[Family]) -> Callable[[Row], str]:
    """Tell the family of whose id and title most words are in the message; the first of equals."""
    words = {family.id: set(_words(f"{family.id} {family.title}")) for family in families}

    def told(row: Row) -> str:
        text = set(_words(f"{row.get('type', '')} {row.get('message', '')} {row.get('trace', '')}"))
        hits = {family: len(text & own) for family, own in words.items()}
        best = max(hits, key=lambda family: hits[family])
        return best if hits[best] else NONE

    return told


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]{4,}", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower())


# -------------------------------------------------------------------------------------------------- score


def score(
    name: str, rows: list[dict[str, str]], told: Callable[[Row], str], *, is_listed: bool = False
) -> None:
    right = wrong = 0
    for row in rows:
        family = told(row)
        if family == row["family"]:
            right += row["family"] != NONE
            continue
        wrong += row["family"] == NONE
        if is_listed:
            print(f"  {row['family']} -> {family}: {row.get('type', '')} {row['message'][:120]!r}")
    families = sum(row["family"] != NONE for row in rows)
    others = len(rows) - families
    print(
        f"{name:<36} right first {right} of {families} = {right / max(1, families):.1%}"
        f"   told one without any {wrong} of {others} = {wrong / max(1, others):.1%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=OWN, help="labelled messages (JSON lines)")
    parser.add_argument("--unseen", action="store_true", help="count the unseen half too")
    parser.add_argument("--missed", action="store_true", help="list what was wrong")
    options = parser.parse_args()
    rows = rows_of(options.file)
    families = load_families()
    diagnoser = load_diagnoser()
    dev = [row for row in rows if not is_unseen(row)]
    parts = [("dev", dev)]
    if options.unseen:
        parts.append(("unseen", [row for row in rows if is_unseen(row)]))
    for part, chosen in parts:
        score(f"{part}, null: most frequent family", chosen, most_frequent(dev))
        score(f"{part}, keywords of id and title", chosen, by_keywords(families))
        score(f"{part}, product", chosen, lambda row: tell(diagnoser, row), is_listed=options.missed)
    texts = [symptoms(row) for row in dev]
    started = time.process_time()
    for text in texts:
        diagnoser.diagnose(text)
    print(f"processor time: {(time.process_time() - started) / max(1, len(texts)) * 1e6:.0f} us per message")


if __name__ == "__main__":
    main()
