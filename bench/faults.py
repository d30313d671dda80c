"""Kills processes under load and checks the books: nothing acknowledged is lost, nothing is stored twice.

``python -m bench.faults [--rounds 40] [--rate 200] [--seed 1]`` prints one line per round and a JSON summary;
exit status 1 when a check failed.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
import sys
import tempfile
import time
import urllib.request
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
from bench.ingest import free_port
from bench.product import Product
from bench.sender import Journal, Sender

KINDS = ("serve", "worker", "postgres", "supervisor")
FAILPOINTS = (
    "inbox.before_write",
    "inbox.written_before_fsync",
    "inbox.committed_before_ack",
    "store.errors_written",
    "store.before_commit",
    "store.committed",
)
_DRAIN_S = 60.0


@dataclass
class Findings:
    """What a run found; every list must stay empty and every number of faults zero."""

    rounds: dict[str, int] = field(default_factory=dict)
    slowest_ready_s: float = 0.0
    acknowledged: int = 0
    refused: dict[int, int] = field(default_factory=dict)
    lost: int = 0
    stored_twice: int = 0
    counter_difference: int = 0
    unexplained: int = 0
    drain_s: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Return whether the product kept its promises (readiness within 10 s included)."""
        faults = (self.lost, self.stored_twice, self.counter_difference, self.unexplained)
        return not any(faults) and self.slowest_ready_s <= 10


def processes(product: Product) -> dict[str, list[psutil.Process]]:
    """Return the processes of the product by kind."""
    found: dict[str, list[psutil.Process]] = {kind: [] for kind in KINDS}
    supervisor = psutil.Process(product.pids[0])
    found["supervisor"].append(supervisor)
    for child in supervisor.children(recursive=True):
        try:
            words, name = child.cmdline(), child.name()
        except psutil.NoSuchProcess:
            continue
        if name.startswith("postgres"):
            found["postgres"].append(child)
        elif "serve" in words:
            found["serve"].append(child)
        elif "worker" in words:
            found["worker"].append(child)
    return found


def is_ready(product: Product) -> bool:
    """Return whether the server says that every part works."""
    try:
        with urllib.request.urlopen(f"{product.url}/healthz/ready", timeout=2) as answer:
            return answer.status == 200 and not json.load(answer).get("degraded")
    except (OSError, ValueError):
        return False


def wait_ready(product: Product, *, timeout_s: float = 60) -> float:
    """Wait until ready; return the seconds."""
    began = time.monotonic()
    while not is_ready(product):
        if time.monotonic() > began + timeout_s:
            return timeout_s
        time.sleep(0.05)
    return time.monotonic() - began


def kill_one(product: Product, kind: str, rng: random.Random) -> float:
    """Kill one process of a kind with SIGKILL; return the seconds until the server is ready again."""
    victim = rng.choice(processes(product)[kind] or processes(product)["serve"])
    victim.kill()
    began = time.monotonic()
    if kind == "supervisor":
        psutil.wait_procs([victim], timeout=5)
        product.start()
    else:
        time.sleep(0.05)
    wait_ready(product)
    return time.monotonic() - began


def stored_ids(product: Product) -> collections.Counter[str]:
    """Return how often each client id is stored."""
    found: collections.Counter[str] = collections.Counter()
    path = "/api/v1/errors?limit=500"
    cursor: str | None = ""
    while cursor is not None:
        page = product.get(path + (f"&cursor={cursor}" if cursor else ""))
        found.update(item["event_id"] for item in page["items"])
        cursor = page["next"]
    return found


def pattern_total(product: Product) -> int:
    """Return the sum of all patterns' counts."""
    total, cursor = 0, ""
    while True:
        page = product.get("/api/v1/patterns?limit=500" + (f"&cursor={cursor}" if cursor else ""))
        total += sum(item["count"] for item in page["items"])
        if page["next"] is None:
            return total
        cursor = page["next"]


def drain(product: Product) -> float:
    """Wait until nothing waits; return the seconds."""
    began = time.monotonic()
    while time.monotonic() < began + _DRAIN_S:
        try:
            if product.ledger()["waiting"] == 0:
                return time.monotonic() - began
        except OSError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"the inbox is not empty after {_DRAIN_S:.0f} s: {product.ledger()}")


def check(product: Product, journal: Journal, findings: Findings) -> None:
    """Compare the journal with the store and the books."""
    findings.drain_s = round(drain(product), 2)
    stored = stored_ids(product)
    ledger: dict[str, Any] = product.ledger()
    findings.acknowledged = len(journal.acknowledged)
    findings.refused = dict(journal.refused)
    findings.lost = len(journal.acknowledged - stored.keys())
    findings.stored_twice = sum(1 for count in stored.values() if count > 1)
    accepted = ledger["outcomes"]["accepted"]
    total = sum(stored.values())
    findings.counter_difference = abs(accepted - total) + abs(pattern_total(product) - total)
    findings.unexplained = abs(ledger["unexplained"])


def run(product: Product, *, rounds: int, rate: float, seed: int, failpoint_rounds: int) -> Findings:
    """Kill ``rounds`` processes at random and one at each failpoint ``failpoint_rounds`` times, under load."""
    rng = random.Random(seed)
    findings = Findings()
    sender = Sender(product.url, product.key, product.project, rate_per_s=rate)
    sender.start()
    try:
        counts: collections.Counter[str] = collections.Counter()
        for number in range(rounds):
            time.sleep(rng.uniform(0.5, 2.0))
            kind = KINDS[number % len(KINDS)] if number < len(KINDS) else rng.choice(KINDS)
            seconds = kill_one(product, kind, rng)
            counts[kind] += 1
            findings.slowest_ready_s = max(findings.slowest_ready_s, round(seconds, 2))
            print(f"round {number + 1}: {kind} killed, ready after {seconds:.2f} s", file=sys.stderr)
        for step in FAILPOINTS * failpoint_rounds:
            seconds = hit(product, step)
            counts[step] += 1
            findings.slowest_ready_s = max(findings.slowest_ready_s, round(seconds, 2))
            print(f"failpoint {step}: ready after {seconds:.2f} s", file=sys.stderr)
        findings.rounds = dict(counts)
    finally:
        journal = sender.stop()
    check(product, journal, findings)
    return findings


def hit(product: Product, step: str) -> float:
    """Arm a failpoint, wait until it has killed its process; return the seconds until ready again."""
    armed = product.folder / "run" / "failpoint"
    armed.write_text(step)
    until = time.monotonic() + 10
    while armed.exists():
        if time.monotonic() > until:
            raise RuntimeError(f"nobody reached the failpoint {step} within 10 s")
        time.sleep(0.01)
    began = time.monotonic()
    time.sleep(0.05)
    wait_ready(product)
    return time.monotonic() - began


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--failpoint-rounds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with Product(Path(folder) / "data", free_port(), "--set", "debug.failpoints=true") as product:
            findings = run(
                product,
                rounds=args.rounds,
                rate=args.rate,
                seed=args.seed,
                failpoint_rounds=args.failpoint_rounds,
            )
    print(json.dumps({**asdict(findings), "is_clean": findings.is_clean}, indent=2))
    sys.exit(not findings.is_clean)


if __name__ == "__main__":
    main()
