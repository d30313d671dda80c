"""What the demo asks the database: its projects, what is written already, the pattern somebody resolved."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from error_manager.core.errors import NotFoundError
from error_manager.core.types import PatternStatus, ProjectId
from error_manager.flows.access import create_project
from error_manager.flows.services import AccessServices
from error_manager.runtime.demo.faults import SERVICES
from error_manager.runtime.demo.importer import Batches, Plan
from error_manager.runtime.settings import Settings
from error_manager.security.encryption import open_sealer
from error_manager.storage.base import Bucket, PatternFilter, PatternOrder, Window
from error_manager.storage.postgres.access import PostgresAccess
from error_manager.storage.postgres.connection import pool
from error_manager.storage.postgres.findings import PostgresFindings
from error_manager.storage.postgres.queries import PostgresQueries


@asynccontextmanager
async def _connections(settings: Settings) -> AsyncIterator[AsyncConnectionPool[Any]]:
    connections = pool(
        settings.database_url, application_name="error-manager demo", max_size=1, autocommit=True
    )
    await connections.open()
    try:
        yield connections
    finally:
        await connections.close()


async def ensure_projects(settings: Settings) -> dict[str, ProjectId]:
    """Return the demo's projects by the slug of their service, making those that are missing."""
    async with _connections(settings) as connections:
        services = AccessServices(
            access=PostgresAccess(connections),
            sealer=open_sealer(settings.data_dir),
            clock=lambda: datetime.now(UTC),
            randomness=os.urandom,
        )
        known = {project.name: project.id for project in await services.access.projects()}
        for service in SERVICES.values():
            if service.name not in known:
                project, _ = await create_project(services, service.name)
                known[service.name] = project.id
        return {slug: known[service.name] for slug, service in SERVICES.items()}


async def unwritten(plan: Plan, parts: Sequence[Batches]) -> tuple[Batches, ...]:
    """Return what is left of each part; each is written in its order, so halving finds the place."""
    async with _connections(plan.settings) as connections:
        queries = PostgresQueries(connections)
        return tuple([batches[await _reached(queries, plan, batches) :] for batches in parts])


async def _reached(queries: PostgresQueries, plan: Plan, batches: Batches) -> int:
    low, high = 0, len(batches)
    while low < high:
        middle = (low + high) // 2
        number, _ = batches[middle][-1]
        try:
            await queries.error(UUID(plan.maker.event_id(number)), project_ids=tuple(plan.projects.values()))
        except NotFoundError:
            high = middle
        else:
            low = middle + 1
    return low


async def analyze_anew(settings: Settings, project_ids: Iterable[ProjectId]) -> None:
    """Let the analysis look at the whole past of these projects: it came just now."""
    async with _connections(settings) as connections:
        for project_id in project_ids:
            await PostgresFindings(connections).start_anew(project_id)


async def resolve_as_of(settings: Settings, project_id: ProjectId, *, title: str, at: datetime) -> None:
    """Resolve the project's patterns of that title, as if it had been done at ``at``."""
    async with _connections(settings) as connections:
        queries = PostgresQueries(connections)
        trend = Window(bucket=Bucket.DAY, since=at - timedelta(days=1), until=at)
        page = await queries.list_patterns(
            PatternFilter(project_ids=(project_id,)),
            order=PatternOrder.COUNT,
            limit=500,
            cursor=None,
            trend=trend,
        )
        for pattern in page.items:
            if pattern.title.startswith(title) and pattern.status is PatternStatus.UNRESOLVED:
                await queries.change_status(
                    pattern.id, PatternStatus.RESOLVED, ignore_until=None, person_id=None, now=at
                )
