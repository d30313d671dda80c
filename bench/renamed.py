"""``python -m bench.renamed DATA OUT``: traces with each name of the application replaced by a made-up one.

What grouping says of them cannot come from lists of names: run ``python -m bench grouping OUT OUT2`` on the
result and score it with the truth of the original.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from bench.files import find, open_text

_SETS = ("traces.jsonl", "traces_hard.jsonl")
_WORD = re.compile(r"[A-Za-z_]\w*")
_RELEASE = re.compile(r"_v[0-9]+$")
_LETTERS = str.maketrans("0123456789", "ghijklmnop")


def made_up(name: str) -> str:
    """Return a word without meaning, the same for the same name; the number of a release stays at its end."""
    found = _RELEASE.search(name)
    release = found[0] if found else ""
    name = name.removesuffix(release)
    digest = hashlib.sha256(name.encode()).hexdigest()[:9]
    return f"q{digest.translate(_LETTERS)}{release}"


def frames_of(event: dict[str, Any]) -> list[dict[str, Any]]:
    values = event.get("exception", {}).get("values", [])
    return [frame for value in values for frame in (value.get("stacktrace") or {}).get("frames", [])]


def names_of(rows: list[dict[str, Any]]) -> set[str]:
    """Return the names of functions and parts of modules that frames of the application have."""
    names: set[str] = set()
    for row in rows:
        for frame in frames_of(row["event"]):
            if frame.get("in_app"):
                names.update(_WORD.findall(f"{frame.get('module') or ''} {frame.get('function') or ''}"))
    return {
        name for name in names if not name.startswith("__") and name not in {"src", "app", "lambda", "module"}
    }


def rename(row: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Replace the names in all frames that may be of the application."""

    def swap(found: re.Match[str]) -> str:
        return made_up(found[0]) if found[0] in names else found[0]

    for frame in frames_of(row["event"]):
        if frame.get("in_app") is not False:
            for key in ("module", "function", "filename", "abs_path", "context_line"):
                if frame.get(key):
                    frame[key] = _WORD.sub(swap, frame[key])
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name in _SETS:
        path = find(args.data, name)
        if path is None:
            continue
        with open_text(path) as source:
            rows = [json.loads(line) for line in source]
        names = names_of(rows)
        with gzip.open(args.out / f"{name}.gz", "wt", encoding="utf-8") as target:
            target.writelines(json.dumps(rename(row, names)) + "\n" for row in rows)
        print(f"{name}: {len(names)} names replaced")


if __name__ == "__main__":
    main()
