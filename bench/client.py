"""Cost of the client beside sentry-sdk's in one run: caller's thread per exception, import, and ``init``.

Folding is off on our side: each captured exception is a full snapshot with locals. The transports of both
drop what they are given. The caller's thread is measured by its own CPU clock and by the wall; ours runs its
background thread.

Both are imported from bytecode, as an installed package is; times of ``init`` include the import. sentry-sdk
imports in ``init`` what it knows of the libraries that are installed; ``bare`` is without that.
"""

from __future__ import annotations

import compileall
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

import sentry_sdk
import sentry_sdk.transport

import error_manager
from error_manager.client.transport import Answer

DEPTH: Final = 13
ROUNDS: Final = 7
CAPTURES: Final = 200
IMPORT_RUNS: Final = 21
DSN: Final = "http://key@127.0.0.1:9/1"
STARTS: Final = {
    ("import", ""): "import error_manager",
    ("import", "_sentry"): "import sentry_sdk",
    ("init", ""): f"import error_manager; error_manager.init({DSN!r})",
    ("init", "_sentry"): f"import sentry_sdk; sentry_sdk.init({DSN!r})",
    (
        "init",
        "_sentry_bare",
    ): f"import sentry_sdk; sentry_sdk.init({DSN!r}, auto_enabling_integrations=False)",
}
SOURCE: Final = str(Path(error_manager.__file__).parent.parent)


class NullTransport:
    def post(self, body: bytes, *, timeout_s: float) -> Answer:  # noqa: ARG002  # as the protocol says
        return Answer(status=200)

    def forget(self) -> None:
        return


class NullSentryTransport(sentry_sdk.transport.Transport):
    def capture_envelope(self, envelope: Any) -> None:  # noqa: ARG002  # as the base class says
        return


def fail() -> None:
    order = {"id": 4711, "total": 12.5, "items": ["book", "pen"], "paid": False}
    raise ValueError(f"order {order['id']} cannot be paid")


def descend(depth: int, customer: str = "c-17", amounts: tuple[float, ...] = (1.5, 2.5, 3.5)) -> None:
    step = {"depth": depth, "customer": customer}
    label = f"step {depth} of {len(amounts)}"
    if depth <= 1:
        fail()
    descend(depth - 1, customer)
    raise AssertionError(step, label)


def handle() -> BaseException:
    try:
        descend(DEPTH)
    except ValueError as exc:
        return exc
    raise AssertionError


def measure(capture: Callable[[BaseException], object], settle: Callable[[], object]) -> tuple[float, float]:
    """Return the least mean of the rounds, us of the wall and us of the thread's CPU.

    Each exception is raised anew, outside the clock: sentry-sdk throws away one that it has just seen.
    """
    walls, cpus = [], []
    for _ in range(ROUNDS):
        wall_s = cpu_s = 0.0
        for _ in range(CAPTURES):
            exc = handle()
            wall, cpu = time.perf_counter(), time.thread_time()
            capture(exc)
            cpu_s += time.thread_time() - cpu
            wall_s += time.perf_counter() - wall
        cpus.append(cpu_s / CAPTURES * 1e6)
        walls.append(wall_s / CAPTURES * 1e6)
        settle()
    return min(walls), min(cpus)


def count_frames(exc: BaseException) -> int:
    traceback, frames = exc.__traceback__, 0
    while traceback is not None:
        traceback, frames = traceback.tb_next, frames + 1
    return frames


def start_ms(statement: str) -> tuple[float, float]:
    """Return the wall and the processor time of a statement in a process of its own, ms."""
    code = (
        f"import sys, time; sys.path.insert(0, {SOURCE!r}); "
        "wall, cpu = time.perf_counter(), time.process_time(); "
        f"{statement}; print(time.perf_counter() - wall, time.process_time() - cpu)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    )
    wall, cpu = map(float, run.stdout.split())
    return wall * 1e3, cpu * 1e3


def measure_starts() -> dict[str, float]:
    """Return the medians, ms, of wall and processor; taken in turns, so that a busy moment meets all."""
    compileall.compile_dir(f"{SOURCE}/error_manager", quiet=1)
    rounds = [{start: start_ms(statement) for start, statement in STARTS.items()} for _ in range(IMPORT_RUNS)]
    found: dict[str, float] = {}
    for what, whose in STARTS:
        found[f"{what}_ms{whose}"] = round(median(times[what, whose][0] for times in rounds), 1)
        found[f"{what}_cpu_ms{whose}"] = round(median(times[what, whose][1] for times in rounds), 1)
    return found


def main() -> None:
    """Measure ours, theirs, ours again, and print one line of JSON."""

    def measure_ours() -> tuple[float, float]:
        error_manager.init(
            DSN,
            fold_window_s=0,
            max_queue=2 * CAPTURES,
            hooks=(),
            transport=NullTransport(),
        )
        result = measure(error_manager.capture_exception, lambda: error_manager.flush(60))
        stats = error_manager.stats()
        assert stats.sent == stats.captured == ROUNDS * CAPTURES, stats
        error_manager.close()
        return result

    first = measure_ours()
    sentry_sdk.init(dsn=DSN, transport=NullSentryTransport)
    theirs = measure(sentry_sdk.capture_exception, lambda: None)
    second = measure_ours()
    ours = tuple(min(pair) for pair in zip(first, second, strict=True))
    starts = measure_starts()
    print(
        json.dumps(
            {
                "area": "client",
                "frames": count_frames(handle()),
                "capture_wall_us": round(ours[0], 1),
                "capture_wall_us_sentry": round(theirs[0], 1),
                "capture_wall_ratio": round(ours[0] / theirs[0], 4),
                "capture_cpu_us": round(ours[1], 1),
                "capture_cpu_us_sentry": round(theirs[1], 1),
                "capture_cpu_ratio": round(ours[1] / theirs[1], 4),
                **starts,
                "import_ratio": round(starts["import_ms"] / starts["import_ms_sentry"], 4),
                "import_cpu_ratio": round(starts["import_cpu_ms"] / starts["import_cpu_ms_sentry"], 4),
                "init_cpu_ratio_bare": round(starts["init_cpu_ms"] / starts["init_cpu_ms_sentry_bare"], 4),
            }
        )
    )


if __name__ == "__main__":
    main()
