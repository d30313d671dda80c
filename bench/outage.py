"""Stops PostgreSQL under load: everything is still accepted, and stored once it is back.

``python -m bench.outage [--rate 200] [--before 10] [--away 60] [--after 10]`` (seconds) prints JSON; exit
status 1 when a promise was broken. The product uses a server of the harness by URL, so that its supervisor
does not start it again.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.books import Books, compare
from bench.database import Database
from bench.ingest import free_port
from bench.product import Product
from bench.sender import Journal, Sender

DRAIN_LIMIT_S = 60.0
_LOOK_EVERY_S = 1.0
_PAGES = ("/patterns", "/status")
_ROUTES = ("/api/v1/patterns", "/api/v1/errors", "/api/v1/outcomes")


@dataclass
class Outage:
    """What a run found."""

    sent: int = 0
    accepted_while_away: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    """What pages and API answered while the database was away, and how often."""
    unreadable: list[str] = field(default_factory=list)
    slowest_page_s: float = 0.0
    drained_s: float = 0.0
    """From the database's return until nothing waited, while errors still came in."""
    books: Books = field(default_factory=Books)

    @property
    def is_clean(self) -> bool:
        """Return whether the product kept its promises."""
        is_told = bool(self.answers) and not self.unreadable
        is_all_taken = not self.books.refused and not self.books.broken_connections
        return not self.books.faults and is_all_taken and is_told and self.drained_s <= DRAIN_LIMIT_S


def run(
    product: Product, database: Database, *, rate: float, before_s: float, away_s: float, after_s: float
) -> Outage:
    """Send all the time; stop the database for ``away_s`` seconds in between."""
    found = Outage()
    sender = Sender(product.url, product.key, product.project, rate_per_s=rate)
    sender.start()
    try:
        time.sleep(before_s)
        database.stop()
        taken = len(sender.journal.acknowledged)
        _look_around(product, found, until=time.monotonic() + away_s)
        found.accepted_while_away = len(sender.journal.acknowledged) - taken
        database.start()
        found.drained_s = round(_catch_up(product, sender.journal), 2)
        time.sleep(after_s)
    finally:
        journal = sender.stop()
    found.sent = journal.sent
    found.books = compare(product, journal)
    return found


def _catch_up(product: Product, journal: Journal) -> float:
    """Wait until everything acknowledged up to now is stored, while more comes in; return the seconds."""
    began = time.monotonic()
    wanted = len(journal.acknowledged)
    while time.monotonic() < began + DRAIN_LIMIT_S * 2:
        try:
            if product.stored() >= wanted:
                break
        except OSError:
            pass
        time.sleep(0.1)
    return time.monotonic() - began


def _look_around(product: Product, found: Outage, *, until: float) -> None:
    """Ask pages and API until the time has come; note what is no readable 503."""
    while time.monotonic() < until:
        for path in (*_PAGES, *_ROUTES):
            if time.monotonic() < until:
                _look_at(product, found, path)
        time.sleep(min(_LOOK_EVERY_S, max(0.0, until - time.monotonic())))


def _look_at(product: Product, found: Outage, path: str) -> None:
    is_page = path in _PAGES
    headers = (
        {"Accept": "text/html", "Cookie": f"error_manager_session={'0' * 64}"}
        if is_page
        else {"Authorization": f"Bearer {product.connection['admin_token']}"}
    )
    began = time.monotonic()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(product.url + path, headers=headers), timeout=30
        ) as answer:
            status, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode()
    found.slowest_page_s = max(found.slowest_page_s, round(time.monotonic() - began, 2))
    answered = f"{'page' if is_page else 'API'} {status}"
    found.answers[answered] = found.answers.get(answered, 0) + 1
    is_form = text.lstrip().lower().startswith("<!doctype html") if is_page else text.startswith("{")
    if status != 503 or not is_form or "Errors are still accepted" not in text:
        found.unreadable.append(f"{path}: {status} {text[:200]}")


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--before", type=float, default=10)
    parser.add_argument("--away", type=float, default=60)
    parser.add_argument("--after", type=float, default=10)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with Database(folder / "database") as database:
            database.serve(folder / "data")
            with Product(folder / "data", free_port()) as product:
                found = run(
                    product,
                    database,
                    rate=args.rate,
                    before_s=args.before,
                    away_s=args.away,
                    after_s=args.after,
                )
    print(json.dumps({**asdict(found), "is_clean": found.is_clean}, indent=2))
    sys.exit(not found.is_clean)


if __name__ == "__main__":
    main()
