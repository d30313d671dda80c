"""The analysing process: killed, it goes on; of two, one does a job; dead ones block nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import psycopg
import pytest
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued
from tests.integration.test_rate_watch import END, PROJECT, _errors, _found, _source, _store

from error_manager.core.errors import StorageUnavailableError
from error_manager.flows import analysis
from error_manager.flows.rate_watch import MINUTES, RateWatch
from error_manager.runtime import analysis_worker
from error_manager.storage.base import NO_SLOT, Cursor, StoreBatch
from error_manager.storage.postgres.analysis_source import PostgresAnalysisSource
from error_manager.storage.postgres.connection import connect, connection_parameters, pool
from error_manager.storage.postgres.errors import PostgresErrorStore
from error_manager.storage.postgres.findings import PostgresFindings

_DRIVER = Path(__file__).with_name("analysis_driver.py")


@pytest.fixture
async def filled(database):
    """A fresh database with the errors of test_rate_watch, and a pool."""
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(
            "INSERT INTO projects (id, organization_id, name, slug, subject_key) "
            "VALUES (1, 1, 'One', 'one', 'k')"
        )
    store = PostgresErrorStore(
        lambda: connect(database.url, application_name="test"), shard=0, failpoint=lambda step: None
    )
    await store.commit(StoreBatch(slot=NO_SLOT, start=Cursor(), end=Cursor(), errors=tuple(_errors())))
    await store.close()
    connections = pool(database.url, application_name="test", min_size=1, max_size=4, autocommit=True)
    await connections.open()
    yield SimpleNamespace(database=database, pool=connections)
    await connections.close()


@pytest.mark.parametrize("step", ["before_findings_commit", "after_findings_commit"])
@pytest.mark.parametrize("times", [1, 3])
async def test_what_was_killed_goes_on_and_tells_everything_once(filled, step, times) -> None:
    """Kill -9 before and after the commit of the first and the third window: the findings are the same."""
    command = [sys.executable, str(_DRIVER), filled.database.url, END.isoformat(), step, str(times)]
    done = await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True)
    assert done.returncode == -9, done.stderr.decode()
    findings = PostgresFindings(filled.pool)
    position = await findings.state(PROJECT.id, MINUTES)
    windows = times - (step == "before_findings_commit")
    assert (position is not None) == (windows > 0)
    await RateWatch(PostgresAnalysisSource(filled.pool), findings).watch(PROJECT, until=END)
    whole = _store()
    await RateWatch(_source(), whole).watch(PROJECT, until=END)
    ids = await _ids(filled)
    told = [(kind, ids.get(key, key), *rest) for kind, key, *rest in await _found(findings)]
    assert sorted(told) == sorted(await _found(whole))


async def _ids(filled) -> dict[str, str]:
    """Return the number in memory of each pattern: "pay" is the first."""
    statement = "SELECT id FROM error_patterns ORDER BY message <> 'KeyError: pay'"
    async with filled.pool.connection() as connection:
        rows = await (await connection.execute(statement)).fetchall()
    return {str(row[0]): str(number) for number, row in enumerate(rows, 1)}


def queue(database) -> App:
    """Return a queue over a database."""
    parameters = connection_parameters(database.url, application_name="jobs", statement_timeout_s=None)
    return App(connector=PsycopgConnector(min_size=1, max_size=2, kwargs=parameters))


async def test_of_two_processes_one_does_the_job_of_a_minute(database, monkeypatch) -> None:
    """Both ask for it; it runs once, and asks for that of the hour, which also runs once."""
    done, all_done = [], asyncio.Event()

    async def minutes(_):
        done.append("minutes")

    async def hours():
        done.append("hours")
        all_done.set()

    async def is_due(_):
        return "hours" not in done

    monkeypatch.setattr(analysis, "analyze_minutes", minutes)
    monkeypatch.setattr(analysis_worker, "is_hour_due", is_due)
    monkeypatch.setattr(analysis_worker, "_POLL_S", 0.05)
    stop, both = asyncio.Event(), [queue(database) for _ in range(2)]
    for jobs in both:
        analysis_worker.register(jobs, None, analyze_hours=hours)
    async with both[0].open_async(), both[1].open_async():
        running = asyncio.gather(*(analysis_worker.take_jobs(jobs, stop) for jobs in both))
        await asyncio.wait_for(all_done.wait(), 20)
        await asyncio.sleep(0.5)
        stop.set()
        await running
    assert done in (["minutes", "hours"], ["minutes", "hours", "minutes"])  # the next minute may have begun


@pytest.mark.parametrize("error", [ValueError("odd"), StorageUnavailableError("away")])
async def test_the_hour_is_asked_for_however_the_minutes_went(database, monkeypatch, error) -> None:
    """It needs none of them; their job has failed nevertheless."""

    async def minutes(_):
        raise error

    async def is_due(_):
        return True

    monkeypatch.setattr(analysis, "analyze_minutes", minutes)
    monkeypatch.setattr(analysis_worker, "is_hour_due", is_due)
    jobs = queue(database)
    analysis_worker.register(jobs, None, analyze_hours=asyncio.sleep)
    async with jobs.open_async():
        with pytest.raises(type(error)):
            await jobs.tasks["analyze_minutes"].func(0)
        (job,) = await jobs.job_manager.list_jobs_async()
    assert job.task_name == "analyze_hours"


async def test_a_job_whose_process_died_blocks_nothing(database) -> None:
    """It is removed when its process has been silent for 30 s; that of a living one is left."""
    jobs = queue(database)
    analysis_worker.register(jobs, None, analyze_hours=asyncio.sleep)
    async with jobs.open_async():
        for silence in (31, 0):
            worker_id = await jobs.job_manager.register_worker()
            task = jobs.tasks["analyze_hours" if silence else "analyze_minutes"]
            await task.configure().defer_async(**({} if silence else {"timestamp": 0}))
            assert await jobs.job_manager.fetch_job(queues=None, worker_id=worker_id) is not None
            await jobs.connector.execute_query_async(
                "UPDATE procrastinate_workers SET last_heartbeat = now() - %(s)s * interval '1 s' "
                "WHERE id = %(id)s",
                s=silence,
                id=worker_id,
            )
        await jobs.tasks["analyze_hours"].defer_async()
        with pytest.raises(AlreadyEnqueued):
            await jobs.tasks["analyze_hours"].defer_async()
        assert await jobs.job_manager.fetch_job(queues=None, worker_id=worker_id) is None
        assert await analysis_worker.clear_stalled(jobs) == 1
        again = await jobs.job_manager.fetch_job(queues=None, worker_id=worker_id)
        assert again.task_name == "analyze_hours"
        assert await analysis_worker.clear_stalled(jobs) == 0


async def test_a_failed_hour_is_told() -> None:
    """The job fails, so that it is seen."""
    await analysis_worker.run_hours([sys.executable, "-c", "pass"])
    with pytest.raises(analysis_worker.HourFailedError, match="exit code 3"):
        await analysis_worker.run_hours([sys.executable, "-c", "raise SystemExit(3)"])


async def test_a_process_of_an_hour_ends_with_its_parent() -> None:
    """Cancelled, or killed: it reads the end of its pipe."""
    code = "import os, sys; os.read(int(sys.argv[2]), 1); sys.exit(0)"
    task = asyncio.create_task(analysis_worker.run_hours([sys.executable, "-c", code]))
    await asyncio.sleep(0.5)
    (child,) = [one for one in psutil.Process().children() if code in one.cmdline()]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.to_thread(psutil.wait_procs, [child], 5)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
