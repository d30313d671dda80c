"""Fills a volume under load and gives the room back: nothing acknowledged is lost, all mends itself.

``python -m bench.disk_full [--rate 200] [--full 30] [VOLUME ...]`` prints JSON for each volume: that of the
inbox, that of PostgreSQL, and one that holds the whole data folder; exit status 1 when a promise was broken.
Needs to mount a tmpfs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.books import Books, compare
from bench.ingest import free_port
from bench.product import Product
from bench.sender import Sender
from bench.volume import Volume, may_mount

VOLUMES = {"inbox": ("inbox", 160), "postgres": ("postgres", 300), "all": (".", 480)}
"""Folder within the data folder, and size in MiB."""
NORMAL_LIMIT_S = 60.0
_REFILL_S = 0.5
_GOOD_ANSWERS = 100  # in a row, with everything of before stored: that is normal


@dataclass
class FullDisk:
    """What a run found."""

    volume: str
    acknowledged_before: int = 0
    acknowledged_while_full: int = 0
    refused_while_full: int = 0
    normal_after_s: float = 0.0
    """From the return of the room until errors are taken and stored as before."""
    books: Books = field(default_factory=Books)

    @property
    def is_clean(self) -> bool:
        """Return whether the product kept its promises."""
        is_polite = set(self.books.refused) <= {429} and not self.books.broken_connections
        return not self.books.faults and is_polite and self.normal_after_s <= NORMAL_LIMIT_S


def run(volume: str, *, rate: float, before_s: float, full_s: float, after_s: float) -> FullDisk:
    """Send all the time; keep the volume full for ``full_s`` seconds in between."""
    name, size_mib = VOLUMES[volume]
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o755)
        data_dir = Path(parent) / "data"
        folder = data_dir / name
        folder.mkdir(mode=0o700, parents=True)
        data_dir.chmod(0o700)
        with Volume(folder, size_mib) as full, Product(data_dir, free_port()) as product:
            found = FullDisk(volume=volume)
            sender = Sender(product.url, product.key, product.project, rate_per_s=rate)
            sender.start()
            try:
                _send(product, sender, full, found, before_s=before_s, full_s=full_s)
                time.sleep(after_s)
            finally:
                journal = sender.stop()
            found.books = compare(product, journal)
    return found


def _send(
    product: Product, sender: Sender, full: Volume, found: FullDisk, *, before_s: float, full_s: float
) -> None:
    journal = sender.journal
    time.sleep(before_s)
    found.acknowledged_before = len(journal.acknowledged)
    refused = sum(journal.refused.values())
    until = time.monotonic() + full_s
    while time.monotonic() < until:
        full.fill()  # again and again: what the product gives back is taken, too
        time.sleep(_REFILL_S)
    found.acknowledged_while_full = len(journal.acknowledged) - found.acknowledged_before
    found.refused_while_full = sum(journal.refused.values()) - refused
    full.empty()
    found.normal_after_s = round(_wait_normal(product, sender), 2)


def _wait_normal(product: Product, sender: Sender) -> float:
    """Wait until errors are taken without a refusal and everything taken before is stored."""
    journal = sender.journal
    began = time.monotonic()
    refused, taken = sum(journal.refused.values()), len(journal.acknowledged)
    while time.monotonic() < began + NORMAL_LIMIT_S * 2:
        if sum(journal.refused.values()) > refused:
            refused, taken = sum(journal.refused.values()), len(journal.acknowledged)
        try:
            is_stored = product.stored() >= taken
        except OSError:
            is_stored = False
        if is_stored and len(journal.acknowledged) >= taken + _GOOD_ANSWERS:
            break
        time.sleep(0.1)
    return time.monotonic() - began


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("volumes", nargs="*", metavar="VOLUME", help="inbox, postgres, all (default: each)")
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--before", type=float, default=10)
    parser.add_argument("--full", type=float, default=30)
    parser.add_argument("--after", type=float, default=10)
    args = parser.parse_args()
    if not may_mount():
        print("Skipped: this test mounts a tmpfs, which needs root and a kernel that allows it.")
        return
    is_clean = True
    for volume in args.volumes or VOLUMES:
        found = run(volume, rate=args.rate, before_s=args.before, full_s=args.full, after_s=args.after)
        print(json.dumps({**asdict(found), "is_clean": found.is_clean}, indent=2), flush=True)
        is_clean &= found.is_clean
    sys.exit(not is_clean)


if __name__ == "__main__":
    main()
