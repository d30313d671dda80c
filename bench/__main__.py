"""``python -m bench AREA DATA_DIR OUT_DIR``: runs the product's own functions on public test data.

Reads only what lies in DATA_DIR, never the truth, and writes the files that the scorers of each area take.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench import grouping, parsing, pii

AREAS = {"grouping": grouping.run, "parsing": parsing.run, "pii": pii.run}


def main(words: list[str]) -> int:
    if len(words) != 3 or words[0] not in AREAS:
        print(f"usage: python -m bench {{{','.join(AREAS)}}} DATA_DIR OUT_DIR", file=sys.stderr)
        return 2
    data, out = Path(words[1]), Path(words[2])
    if not data.is_dir():
        print(f"bench: no such folder: {data}", file=sys.stderr)
        return 2
    out.mkdir(parents=True, exist_ok=True)
    AREAS[words[0]](data, out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
