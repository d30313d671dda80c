"""What templates cost an error: ``python -m bench.template_cost``. One process, no server; processor time."""

from __future__ import annotations

import asyncio
import random
import string
import time
from collections.abc import Mapping, Sequence

from tests.mined import PROJECT, bare, message, traced

from error_manager.analysis.templates import TemplateMiner
from error_manager.core.types import ErrorEvent, ProjectId
from error_manager.storage.base import PublishedTemplates
from error_manager.storage.directory import LoadedTemplates
from error_manager.storage.memory_groups import GroupMap
from error_manager.storage.memory_templates import MemoryTemplates


class _Published(MemoryTemplates):
    """A store that has published one snapshot."""

    def __init__(self, content: bytes) -> None:
        """Keep the bytes."""
        super().__init__(GroupMap(lambda pattern: bare(pattern, "").timestamp))
        self._content = content

    async def newer(self, known: Mapping[ProjectId, int]) -> tuple[PublishedTemplates, ...]:
        """Return the snapshot, whatever is known."""
        del known
        return (PublishedTemplates(project_id=PROJECT, version=1, content=self._content),)


def main() -> None:
    """Print microseconds per error and seconds per snapshot."""
    rng = random.Random(3)
    _, _, loaded = _loaded([message(rng) for _ in range(3_000)])
    events = [bare(number, message(rng)) for number in range(4_000)]
    for what, some in (
        ("bare message, new text", events),
        ("bare message, known text", events),
        ("error with a stack", [traced(number, number % 40) for number in range(4_000)]),
    ):
        print(f"{what:26} {_match(loaded, some):6.2f} us")
    words = ["".join(rng.choices(string.ascii_lowercase, k=7)) for _ in range(3_000)]
    publish, load, _ = _loaded([" ".join(rng.choices(words, k=rng.randrange(5, 12))) for _ in range(5_000)])
    print(f"5,000 templates: publish {publish:.2f} s, load {load:.2f} s")


def _loaded(messages: Sequence[str]) -> tuple[float, float, LoadedTemplates]:
    miner = TemplateMiner()
    for text in messages:
        miner.add(text)
    began = time.process_time()
    content = miner.publish().to_bytes()
    published = time.process_time()
    loaded = LoadedTemplates(_Published(content), monotonic=time.monotonic)
    asyncio.run(loaded.ensure())
    return published - began, time.process_time() - published, loaded


def _match(loaded: LoadedTemplates, events: Sequence[ErrorEvent]) -> float:
    began = time.process_time()
    for event in events:
        loaded.match(PROJECT, event)
    return (time.process_time() - began) / len(events) * 1e6


if __name__ == "__main__":
    main()
