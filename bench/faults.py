"""Kills processes under load and checks the books: nothing acknowledged is lost, nothing is stored twice.

``python -m bench.faults [--rounds 40] [--failpoint-rounds 3] [--rate 200] [--seed 1]`` prints one line per
round and a JSON summary; exit status 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import random
import sys
import tempfile
import time
import urllib.request
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
from bench.books import Books, compare
from bench.ingest import free_port
from bench.product import Product
from bench.sender import Sender

from error_manager.runtime.host import host_facts

KINDS = ("serve", "worker", "postgres", "supervisor")
FAILPOINTS = (
    "inbox.before_write",
    "inbox.written_before_fsync",
    "inbox.committed_before_ack",
    "store.errors_written",
    "store.before_commit",
    "store.committed",
)
READY_LIMIT_S = 10.0
_ANSWERS_IN_A_ROW = 4
"""New connections reach either accepting process: so many good answers mean that both are there."""
_TIMEOUT_S = 60.0


@dataclass
class Findings:
    """What a run found."""

    rounds: dict[str, int] = field(default_factory=dict)
    slowest_ready_s: dict[str, float] = field(default_factory=dict)
    """Until the readiness page is good again on every new connection, the database included."""
    slowest_working_s: dict[str, float] = field(default_factory=dict)
    """Until errors are stored again."""
    load_average: float = 0.0
    books: Books = field(default_factory=Books)

    def add(self, kind: str, *, ready_s: float, working_s: float) -> None:
        """Note a kill and how long it took until the server was ready, and stored errors, again."""
        self.rounds[kind] = self.rounds.get(kind, 0) + 1
        self.slowest_ready_s[kind] = max(self.slowest_ready_s.get(kind, 0.0), round(ready_s, 2))
        self.slowest_working_s[kind] = max(self.slowest_working_s.get(kind, 0.0), round(working_s, 2))

    @property
    def is_clean(self) -> bool:
        """Return whether the product kept its promises (readiness within 10 s included)."""
        return not self.books.faults and max(self.slowest_ready_s.values(), default=0.0) <= READY_LIMIT_S


def processes(product: Product) -> dict[str, list[psutil.Process]]:
    """Return the processes of the product by kind."""
    found: dict[str, list[psutil.Process]] = {kind: [] for kind in KINDS}
    for each in host_facts(product.folder).processes:
        kind = each.name.split(" ")[0].rstrip(":")
        if kind in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                found[kind].append(psutil.Process(each.pid))
    return found


def is_ready(product: Product) -> bool:
    """Return whether the server says that every part works."""
    try:
        with urllib.request.urlopen(f"{product.url}/healthz/ready", timeout=2) as answer:
            return answer.status == 200 and not json.load(answer).get("degraded")
    except (OSError, ValueError):
        return False


def wait_working(product: Product, began: float) -> tuple[float, float]:
    """Wait until every accepting process is ready and errors are stored; return the seconds of both.

    Raises:
        RuntimeError: that did not happen within a minute.
    """
    ready_s: float | None = None
    in_a_row = 0
    stored: int | None = None
    while (elapsed := time.monotonic() - began) < _TIMEOUT_S:
        in_a_row = in_a_row + 1 if is_ready(product) else 0
        if in_a_row >= _ANSWERS_IN_A_ROW:
            ready_s = elapsed if ready_s is None else ready_s
            now = _stored(product)
            if stored is not None and now is not None and now > stored:
                return ready_s, time.monotonic() - began
            stored = now if stored is None else stored
        time.sleep(0.02)
    raise RuntimeError(f"not working again after {_TIMEOUT_S:.0f} s")


def _stored(product: Product) -> int | None:
    try:
        return product.stored()
    except OSError:
        return None


def kill_one(product: Product, kind: str, rng: random.Random) -> tuple[float, float]:
    """Kill one process of a kind with SIGKILL; return what ``wait_working`` does."""
    victim = rng.choice(processes(product)[kind])
    began = time.monotonic()
    victim.kill()
    psutil.wait_procs([victim], timeout=5)
    if kind == "supervisor":
        product.start()
    return wait_working(product, began)


def hit(product: Product, step: str) -> tuple[float, float]:
    """Arm a failpoint, wait until it has killed its process; return what ``wait_working`` does.

    Raises:
        RuntimeError: no process reached the step within ten seconds.
    """
    armed = product.folder / "run" / "failpoint"
    fresh = armed.with_suffix(".new")
    fresh.write_text(step)
    fresh.rename(armed)
    until = time.monotonic() + 10
    while armed.exists():
        if time.monotonic() > until:
            raise RuntimeError(f"nobody reached the failpoint {step} within 10 s")
        time.sleep(0.005)
    return wait_working(product, time.monotonic())


def run(product: Product, *, rounds: int, rate: float, seed: int, failpoint_rounds: int) -> Findings:
    """Kill ``rounds`` processes at random, and one at each failpoint ``failpoint_rounds`` times."""
    rng = random.Random(seed)
    findings = Findings()
    sender = Sender(product.url, product.key, product.project, rate_per_s=rate)
    sender.start()
    try:
        for kind in kinds(rounds, rng):
            time.sleep(rng.uniform(0.5, 2.0))
            _note(findings, kind, kill_one(product, kind, rng))
        for step in FAILPOINTS * failpoint_rounds:
            time.sleep(rng.uniform(0.1, 0.5))
            _note(findings, step, hit(product, step))
    finally:
        journal = sender.stop()
    findings.load_average = round(psutil.getloadavg()[0], 1)
    findings.books = compare(product, journal)
    return findings


def kinds(rounds: int, rng: random.Random) -> list[str]:
    """Return what to kill in each round: every kind in turn, in random order."""
    counted = collections.Counter(KINDS[number % len(KINDS)] for number in range(rounds))
    chosen = list(counted.elements())
    rng.shuffle(chosen)
    return chosen


def _note(findings: Findings, kind: str, seconds: tuple[float, float]) -> None:
    ready_s, working_s = seconds
    findings.add(kind, ready_s=ready_s, working_s=working_s)
    print(f"{kind} killed, ready after {ready_s:.2f} s, storing after {working_s:.2f} s", file=sys.stderr)


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
