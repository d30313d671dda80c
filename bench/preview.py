"""Times dry runs of grouping rules over all stored errors: ``python -m bench.preview DATA_DIR [ROUNDS]``.

DATA_DIR is that of a running server with errors, such as ``error-manager demo --errors 100000`` makes. Each
set of rules is compared with no rules, project after project; the sums are printed. The processor time of
this process stands beside the wall time: it hardly depends on what else the machine does. What PostgreSQL
needs to hand the errors over runs on another core at the same time.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Final

from error_manager.core.rules import GroupingRule, IgnoreFrames, MaskMessage, Matcher, SetParts
from error_manager.flows import rules
from error_manager.flows.services import QueryServices
from error_manager.runtime.settings import load_settings
from error_manager.runtime.wiring.report import report_services

_ERRORS: Final = 100_000
_TEXTS: Final = GroupingRule(
    id=1,
    action=SetParts(parts=("{{ type }}",)),
    matchers=(
        Matcher(field="type", pattern="*Error", is_glob=True),
        Matcher(field="message", pattern="not found|timed out|refused"),
    ),
)
_FRAMES: Final = GroupingRule(
    id=2,
    action=SetParts(parts=("{{ default }}", "{{ environment }}")),
    matchers=(
        Matcher(field="in_app.frame", pattern="*.store.*", is_glob=True),
        Matcher(field="function", pattern="^(?:find|load|save)"),
    ),
)
_MASK: Final = GroupingRule(id=3, action=MaskMessage(pattern="SKU-[0-9]+", name="sku"))
_FOREIGN: Final = GroupingRule(id=4, action=IgnoreFrames(glob="*/middleware/*"))
_SETS: Final = {
    "type and message": [_TEXTS],
    "frames": [_FRAMES],
    "every kind, four rules": [_TEXTS, _FRAMES, _MASK, _FOREIGN],
}


async def _measure(data_dir: Path, rounds: int) -> None:
    async with report_services(load_settings({"data_dir": data_dir})) as services:
        svc = services.query
        for name, drafts in _SETS.items():
            for _ in range(rounds):
                began, spent = time.perf_counter(), time.process_time()
                errors, changed = await _compare(svc, drafts)
                wall, cpu = time.perf_counter() - began, time.process_time() - spent
                print(
                    f"{name}: {errors:,} errors, {changed:,} anew, {wall:.1f} s, {cpu:.1f} s processor time"
                )


async def _compare(svc: QueryServices, drafts: list[GroupingRule]) -> tuple[int, int]:
    errors = changed = 0
    for project in await svc.access.projects():
        ways = await rules.draft(svc, project.id, drafts)
        made = await rules.compare(svc, project.id, ways, errors=_ERRORS)
        errors += made.errors
        changed += made.changed
    return errors, changed


if __name__ == "__main__":
    asyncio.run(_measure(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3))
