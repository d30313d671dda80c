"""``python -m bench.score_rank GT RANK``: puts groups into a ranking of earlier errors, and scores it.

GT: id,group in order of arrival. RANK: id,cand_group,score as ``bench grouping`` writes it, with the id of
the earlier error as ``cand_group``. ``--out FILE`` keeps the ranking with groups, for ``score_ranking.py``.
Printed are MRR and RR@1 of the errors whose group was there before.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("truth", type=Path)
    parser.add_argument("rank", type=Path)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    with args.truth.open(newline="") as source:
        truth = {row["id"]: row["group"] for row in csv.DictReader(source)}
    with args.rank.open(newline="") as source:
        rows = [(row["id"], truth[row["cand_group"]], float(row["score"])) for row in csv.DictReader(source)]
    if args.out:
        with args.out.open("w", newline="") as target:
            csv.writer(target).writerows([("id", "cand_group", "score"), *rows])
    print(score(truth, rows))


def score(truth: dict[str, str], rows: list[tuple[str, str, float]]) -> str:
    best: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for name, group, value in rows:
        best[name][group] = max(value, best[name].get(group, value))
    seen: set[str] = set()
    ranks: list[float] = []
    for name, group in truth.items():
        if group in seen:
            order = sorted(best[name], key=lambda other: -best[name][other])
            ranks.append(1 / (order.index(group) + 1) if group in best[name] else 0.0)
        seen.add(group)
    first = sum(rank == 1 for rank in ranks) / max(1, len(ranks))
    return f"known={len(ranks)} MRR={sum(ranks) / max(1, len(ranks)):.4f} RR@1={first:.4f}"


if __name__ == "__main__":
    main()
