"""Who is looking at a page."""

from __future__ import annotations

from litestar import Request
from litestar.datastructures import State

from error_manager.core.errors import StorageError
from error_manager.flows.services import QueryServices
from error_manager.security.auth import Caller


async def person_name(request: Request[Caller, object, State], services: QueryServices) -> str:
    """Return the name of the signed-in person, "" while the database is away."""
    try:
        persons = await services.access.persons()
    except StorageError:
        return ""
    return next((person.name for person in persons if person.id == request.user.person_id), "")
