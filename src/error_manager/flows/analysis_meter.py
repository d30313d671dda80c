"""What each step of the analysis costs, and what happens when one fails (seed box: Metrics Collector)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

import structlog

from error_manager.core.errors import StorageBusyError, StorageUnavailableError
from error_manager.core.types import ProjectId
from error_manager.storage.findings import AnalysisRun

_DETAIL: Final = 1_000
_T = TypeVar("_T")
_log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class _Sum:
    started_at: datetime
    took_s: float = 0.0
    cpu_s: float = 0.0
    items: int = 0
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class StepMeter:
    """Adds up what the steps of one round cost over all projects."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        cpu_clock: Callable[[], float],
    ) -> None:
        """Keep the clocks: UTC, seconds, processor seconds of this process."""
        self._clock = clock
        self._monotonic = monotonic
        self._cpu_clock = cpu_clock
        self._sums: dict[str, _Sum] = {}

    async def run(self, step: str, project_id: ProjectId, work: Awaitable[tuple[_T, int]]) -> _T | None:
        """Return what a step found, None when it failed; ``work`` gives it with how many items it looked at.

        Whatever goes wrong in one project - a fault of ours, data that the database refuses, a lock or a
        statement that takes too long, another process that was faster, an absent index - is logged and kept
        with the run, and everything else goes on without it.

        Raises:
            StorageUnavailableError: the database is away; it is kept with the run, too. Try again.
        """
        total = self._sum(step)
        began, cpu = self._monotonic(), self._cpu_clock()
        try:
            found, items = await work
        except Exception as error:
            total.failures.append(f"project {project_id}: {type(error).__name__}: {error}")
            if isinstance(error, StorageUnavailableError) and not isinstance(error, StorageBusyError):
                raise
            _log.exception("analysis_failed", step=step, project_id=project_id)
            return None
        finally:
            total.took_s += self._monotonic() - began
            total.cpu_s += self._cpu_clock() - cpu
        total.items += items
        return found

    def note(self, step: str, project_id: ProjectId, text: str) -> None:
        """Keep with the run of a step what is to be known of it in a project."""
        self._sum(step).notes.append(f"project {project_id}: {text}")

    def runs(self) -> tuple[AnalysisRun, ...]:
        """Return the runs of the steps, in the order in which they began."""
        return tuple(
            AnalysisRun(
                step=step,
                started_at=total.started_at,
                took_s=total.took_s,
                cpu_s=total.cpu_s,
                items=total.items,
                is_done=not total.failures,
                detail="; ".join(total.failures + total.notes).replace("\0", "\N{REPLACEMENT CHARACTER}")[
                    :_DETAIL
                ],
            )
            for step, total in self._sums.items()
        )

    def _sum(self, step: str) -> _Sum:
        return self._sums.setdefault(step, _Sum(started_at=self._clock()))
