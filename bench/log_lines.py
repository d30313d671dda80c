"""Writes a mixed log of our own making: nginx, an application with traces, kubernetes, JSON, syslog."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 11, 22, tzinfo=UTC)
_LINES_PER_S = 100
_WORDS = ["cart", "order", "stock", "rate", "mail", "user", "session", "invoice", "refund", "ticket"]
_VERBS = ["loaded", "saved", "dropped", "charged", "queued", "sent", "closed", "opened", "checked", "merged"]
_AGENTS = ("Mozilla/5.0 (X11; Linux x86_64)", "curl/8.5.0", "kube-probe/1.30")
_JAVA = """\
java.lang.IllegalStateException: cannot pay order {n}
\tat com.acme.shop.{Word}Service.pay({Word}Service.java:{line})
\tat com.acme.shop.{Word}Controller.create({Word}Controller.java:30)
\tat java.base/jdk.internal.reflect.DirectMethodHandleAccessor.invoke(DirectMethodHandleAccessor.java:103)
\tat org.springframework.web.servlet.FrameworkServlet.service(FrameworkServlet.java:897) ~[na:na]
\tat java.base/java.lang.Thread.run(Thread.java:840)
Caused by: java.net.ConnectException: Connection refused
\tat com.acme.shop.Rates.load(Rates.java:12)
\t... 5 common frames omitted"""
_PYTHON = """\
Traceback (most recent call last):
  File "/srv/shop/jobs/{word}.py", line {line}, in run
    total = order.total(currency)
  File "/srv/shop/lib/money.py", line 12, in total
    return self.items[{n}]
IndexError: list index out of range"""


def _hex(rng: random.Random, size: int) -> str:
    return f"{rng.getrandbits(size * 4):0{size}x}"


def _nginx(rng: random.Random, now: datetime) -> str:
    status = rng.choices((200, 304, 404, 500), (90, 5, 4, 1))[0]
    address = ".".join(str(rng.randrange(256)) for _ in range(4))
    return (
        f"{address} - - [{now:%d/%b/%Y:%H:%M:%S} +0000] "
        f'"GET /{rng.choice(_WORDS)}/{rng.randrange(10**6)}?page={rng.randrange(99)} HTTP/1.1" {status} '
        f'{rng.randrange(10**5)} "-" "{rng.choice(_AGENTS)}"'
    )


def _app(rng: random.Random, now: datetime) -> str:
    level = rng.choices(("INFO", "DEBUG", "WARN"), (80, 15, 5))[0]
    word, verb = rng.choice(_WORDS), rng.choice(_VERBS)
    return (
        f"{now:%Y-%m-%d %H:%M:%S},{now.microsecond // 1000:03} {level} [pool-{rng.randrange(1, 9)}] "
        f"com.acme.shop.{word.title()}Service: {verb} {word} {rng.randrange(10**7)} in {rng.randrange(900)} "
        f"ms for session {_hex(rng, 16)}"
    )


def _trace(rng: random.Random, now: datetime) -> str:
    word = rng.choice(_WORDS)
    form = rng.choice((_JAVA, _PYTHON))
    body = form.format(n=rng.randrange(10**5), word=word, Word=word.title(), line=rng.randrange(20, 25))
    head = f"{now:%Y-%m-%d %H:%M:%S},{now.microsecond // 1000:03} ERROR [main] shop.{word}: request failed"
    return f"{head}\n{body}"


def _kubernetes(rng: random.Random, now: datetime) -> str:
    return (
        f"{now:%Y-%m-%dT%H:%M:%S}.{rng.randrange(10**9):09}Z stdout F "
        f"I{now:%m%d %H:%M:%S}.{now.microsecond:06}       1 controller.go:{rng.randrange(9) * 31}] "
        f'"{rng.choice(_VERBS)} pod" pod="shop/{rng.choice(_WORDS)}-{_hex(rng, 10)}-{_hex(rng, 5)}"'
    )


def _json(rng: random.Random, now: datetime) -> str:
    level = rng.choices(("info", "warn", "error"), (90, 7, 3))[0]
    message = f"{rng.choice(_VERBS)} {rng.choice(_WORDS)} {rng.randrange(10**5)}"
    return (
        f'{{"time":"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond:06}Z","level":"{level}",'
        f'"logger":"{rng.choice(_WORDS)}","msg":"{message}",'
        f'"trace_id":"{_hex(rng, 32)}","duration_ms":{rng.randrange(2000)}}}'
    )


def _syslog(rng: random.Random, now: datetime) -> str:
    return (
        f"{now:%b} {now.day:2} {now:%H:%M:%S} web{rng.randrange(1, 5)} sshd[{rng.randrange(1000, 32000)}]: "
        f"Failed password for invalid user {rng.choice(_WORDS)} "
        f"from 10.0.0.{rng.randrange(256)} "
        f"port {rng.randrange(1024, 65535)} ssh2"
    )


_KINDS: tuple[Callable[[random.Random, datetime], str], ...] = (
    _nginx,
    _app,
    _trace,
    _kubernetes,
    _json,
    _syslog,
)
_WEIGHTS = (30, 30, 1, 14, 15, 10)


def records(seed: int) -> Iterator[str]:
    """Yield records without end, the same for the same seed; a trace is one record of many lines."""
    rng = random.Random(seed)
    now = START
    while True:
        for kind in rng.choices(_KINDS, _WEIGHTS, k=_LINES_PER_S):
            yield kind(rng, now + timedelta(microseconds=rng.randrange(10**6)))
        now += timedelta(seconds=1)


def write(path: Path, size_bytes: int, *, seed: int = 1) -> None:
    """Write a mixed log of about this size: 64 MiB of records, again and again with the days moved on.

    Making a line costs more than reading it; so the records repeat, but no time does.
    """
    made: list[str] = []
    size = 0
    for record in records(seed):
        made.append(record)
        size += len(record) + 1
        if size >= min(size_bytes, 64 * 1024 * 1024):
            break
    text = "\n".join(made) + "\n"
    with path.open("w", encoding="utf-8") as file:
        written = 0
        while written < size_bytes:
            day = START + timedelta(days=written // len(text))
            moved = text.replace("2026-11-22", f"{day:%Y-%m-%d}").replace("22/Nov/2026", f"{day:%d/%b/%Y}")
            moved = moved.replace(" I1122 ", f" I{day:%m%d} ").replace(
                "\nNov 22 ", f"\n{day:%b} {day.day:2} "
            )
            written += file.write(
                moved[: size_bytes - written] if size_bytes - written < len(moved) else moved
            )


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(float(sys.argv[2]) * 1e6))
