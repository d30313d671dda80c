"""``python -m bench AREA DATA_DIR OUT_DIR``: runs the product's own functions on public test data.

AREA ``all`` runs each area that DATA_DIR has a folder of, into a folder of the same name. Only what lies in
DATA_DIR is read, never the truth; written is what the scorers of each area take.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench import anomaly, forecast, grouping, parsing, pii

AREAS = {
    "anomaly": anomaly.run,
    "forecast": forecast.run,
    "grouping": grouping.run,
    "parsing": parsing.run,
    "pii": pii.run,
}


def main(words: list[str]) -> int:
    if len(words) != 3 or words[0] not in {*AREAS, "all"}:
        print(f"usage: python -m bench {{{','.join(AREAS)},all}} DATA_DIR OUT_DIR", file=sys.stderr)
        return 2
    data, out = Path(words[1]), Path(words[2])
    if not data.is_dir():
        print(f"bench: no such folder: {data}", file=sys.stderr)
        return 2
    areas = [area for area in AREAS if (data / area).is_dir()] if words[0] == "all" else [words[0]]
    for area in areas:
        folder, target = (data / area, out / area) if words[0] == "all" else (data, out)
        target.mkdir(parents=True, exist_ok=True)
        print(f"{area} -> {target}", file=sys.stderr)
        AREAS[area](folder, target)
    return 0 if areas else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
