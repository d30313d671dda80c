"""How far the analysis has come, for pages (seed box: Real-time Monitoring Flow)."""

from __future__ import annotations

from error_manager.core.types import ProjectId
from error_manager.flows.services import QueryServices
from error_manager.monitoring.progress import Progress, furthest_behind, progress
from error_manager.storage.findings import HOURS, MINUTES


async def analysis_progress(svc: QueryServices, project_ids: tuple[ProjectId, ...] = ()) -> Progress | None:
    """Return how far the analysis of some projects (all by default) has come, None when it is up to date."""
    reached, now = await svc.findings.reached((MINUTES, HOURS)), svc.clock()
    projects = {project for project, _ in reached if not project_ids or project in project_ids}
    looks = (progress(one, reached.get((one, MINUTES)), reached.get((one, HOURS)), now) for one in projects)
    return furthest_behind([one for one in looks if one is not None])
