"""The analysing process: takes jobs from the queue each minute and each hour (seed box: Analyzer Pod).

The queue sees to it that one of several such processes does a job. What a job found is kept with where it
stands, so a job that was killed is not run again as it was: the next one begins where it began (ADR 0013).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from procrastinate import App
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import DeleteJobCondition, Status

from error_manager.core.errors import StorageUnavailableError
from error_manager.flows import analysis
from error_manager.flows.analysis import MinuteServices
from error_manager.flows.analysis_services import is_hour_due
from error_manager.runtime.memory import compute_in_little_memory, give_back_memory
from error_manager.runtime.process import run_until_told
from error_manager.runtime.settings import Settings
from error_manager.runtime.wiring.analysis import build

QUEUE: Final = "analysis"
_NICE: Final = 10  # ingest keeps its pace: the analysis takes what is left of the processors
_AT_ONCE: Final = 2  # minutes go on while the hour is analysed
_POLL_S: Final = 5.0  # a job a minute: asking costs less than a connection that listens
_ABORT_POLL_S: Final = 60.0
_HEARTBEAT_S: Final = 10.0
_STALLED_S: Final = 30.0  # the process of a running job has been silent for this long: it is dead
_DRAIN_S: Final = 7.0  # of the 8 s that the supervisor waits
_RETRY_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
_KEPT_HOURS: Final = 8 * 24
_log = structlog.get_logger()


def main(settings: Settings, *, index: int, pipe_fd: int | None, hour_command: Sequence[str]) -> int:
    """Run the analysis until told to stop or the supervisor is gone; return the exit code.

    Args:
        settings: of this data folder.
        index: number of this process.
        pipe_fd: as ``run_until_told`` takes it.
        hour_command: the command line of the process that analyses an hour, without a pipe.
    """
    os.nice(_NICE)
    compute_in_little_memory()
    return run_until_told(
        lambda stop: run(settings, index=index, hour_command=hour_command, stop=stop), pipe_fd=pipe_fd
    )


async def run(settings: Settings, *, index: int, hour_command: Sequence[str], stop: asyncio.Event) -> None:
    """Take jobs until ``stop`` is set; while the database is away, try again with growing pauses."""
    work = build(settings, index=index)
    register(work.jobs, work.services, analyze_hours=lambda: run_hours(hour_command))
    await work.parts.connections.open()
    failures = 0
    try:
        while not stop.is_set():
            try:
                async with work.jobs.open_async():
                    await asyncio.gather(take_jobs(work.jobs, stop), _clear(work.jobs, stop))
                failures = 0
            except (ConnectorException, StorageUnavailableError) as error:
                _log.warning("jobs_unavailable", detail=str(error.__cause__ or error), failures=failures)
                await _rest(stop, _RETRY_S[min(failures, len(_RETRY_S) - 1)])
                failures += 1
    finally:
        await work.parts.close()


def register(jobs: App, services: MinuteServices, *, analyze_hours: Callable[[], Awaitable[None]]) -> None:
    """Tell the queue what its jobs do. Each minute's job asks for the job of the hour when that is due.

    It does so however the minutes went. A job that failed is not tried again: the next minute does what it
    left.
    """

    @jobs.task(name="analyze_hours", queue=QUEUE, lock="analyze_hours", queueing_lock="analyze_hours")
    async def hours() -> None:
        await analyze_hours()

    async def ask_for_hour() -> None:
        if await is_hour_due(services):
            with contextlib.suppress(AlreadyEnqueued):
                await hours.defer_async()

    @jobs.periodic(cron="* * * * *")
    @jobs.task(name="analyze_minutes", queue=QUEUE, lock="analyze_minutes", queueing_lock="analyze_minutes")
    async def minutes(timestamp: int) -> None:
        del timestamp  # the state says where to begin
        try:
            await analysis.analyze_minutes(services)
        except Exception:
            await ask_for_hour()  # whatever went wrong with the minutes: the hour needs none of them
            raise
        finally:
            give_back_memory()
        await ask_for_hour()


async def run_hours(command: Sequence[str]) -> None:
    """Run a process until it ends; when this one ends, however it does, so does that.

    Raises:
        HourFailedError: it has failed; its log says why.
    """
    reader, writer = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *command, "--pipe-fd", str(reader), pass_fds=(reader,), stdin=asyncio.subprocess.DEVNULL
        )
    finally:
        os.close(reader)
    try:
        code = await process.wait()
    finally:
        os.close(writer)  # cancelled: it reads the end of the pipe, and ends
        await process.wait()
    if code:
        raise HourFailedError(code)


class HourFailedError(Exception):
    """The process that analyses an hour has failed; ``code`` is its exit code."""

    def __init__(self, code: int) -> None:
        """Keep the exit code."""
        super().__init__(f"exit code {code}")
        self.code = code


async def take_jobs(jobs: App, stop: asyncio.Event) -> None:
    """Run jobs until ``stop`` is set or the database is away; those at hand have seven seconds to end."""
    worker = asyncio.create_task(
        jobs.run_worker_async(
            queues=[QUEUE],
            name="analysis",
            concurrency=_AT_ONCE,
            fetch_job_polling_interval=_POLL_S,
            abort_job_polling_interval=_ABORT_POLL_S,
            shutdown_graceful_timeout=_DRAIN_S,
            listen_notify=False,
            delete_jobs=DeleteJobCondition.SUCCESSFUL,
            install_signal_handlers=False,
            update_heartbeat_interval=_HEARTBEAT_S,
            stalled_worker_timeout=_STALLED_S,
        )
    )
    told = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({worker, told}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
        worker.cancel()
        await asyncio.gather(told, return_exceptions=True)
    with contextlib.suppress(asyncio.CancelledError):
        await worker


async def _clear(jobs: App, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await clear_stalled(jobs)
        await _rest(stop, _STALLED_S)


async def clear_stalled(jobs: App) -> int:
    """Remove the jobs whose process died while it ran them, so that the next ones may run; return how many.

    Failures are forgotten after eight days.
    """
    stalled = list(await jobs.job_manager.get_stalled_jobs(seconds_since_heartbeat=_STALLED_S))
    for job in stalled:
        await jobs.job_manager.finish_job(job, status=Status.FAILED, delete_job=True)
        _log.warning("stalled_job_removed", task=job.task_name, job_id=job.id)
    await jobs.job_manager.delete_old_jobs(
        nb_hours=_KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
    )
    return len(stalled)


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
