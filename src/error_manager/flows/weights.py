"""How much patterns and projects matter to the business, as people say (seed box: Recommendation Engine)."""

from __future__ import annotations

from typing import Final

from error_manager.analysis.risk import LEAST_WEIGHT, MOST_WEIGHT
from error_manager.core.errors import ValidationError
from error_manager.core.types import FieldError, PatternId, ProjectId
from error_manager.flows.services import QueryServices
from error_manager.storage.base import PatternRow, Project

AT_ONCE: Final = 2_000
"""Patterns of a project whose risk follows its weight before the answer; the others follow with the hour."""


async def set_pattern_weight(
    svc: QueryServices, pattern_id: PatternId, weight: float | None, *, person_id: int | None
) -> PatternRow:
    """Set how much a pattern matters, correct its risk at once, and return it.

    Raises:
        NotFoundError: there is no such pattern.
        ValidationError: the weight is none from 0.25 to 4.
    """
    wanted = _checked(weight)
    pattern = await svc.queries.change_weight(pattern_id, wanted, person_id=person_id, now=svc.clock())
    await svc.findings.reweigh(pattern.project_id, pattern.id)
    return pattern


async def set_project_weight(svc: QueryServices, project_id: ProjectId, weight: float | None) -> Project:
    """Set how much a project matters, correct the risks of its riskiest patterns at once, and return it.

    The next hour's analysis corrects those of the others.

    Raises:
        NotFoundError: there is no such project.
        ValidationError: the weight is none from 0.25 to 4.
    """
    project = await svc.access.set_weight(project_id, _checked(weight))
    await svc.findings.reweigh(project.id, most=AT_ONCE)
    return project


def _checked(weight: float | None) -> float:
    if weight is None or not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
        message = f"expected a number from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g}"
        raise ValidationError([FieldError(path="weight", message=message)])
    return weight
