"""Who may come in: first start, login links, sessions, API keys, projects (seed box: Authentication)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from error_manager.core.errors import AuthenticationError, ValidationError
from error_manager.core.types import FieldError, ProjectId
from error_manager.flows.services import AccessServices
from error_manager.security.api_keys import (
    RANDOM_BYTES,
    hash_api_key,
    is_ingest_key,
    make_api_key,
    make_ingest_key,
)
from error_manager.security.auth import Caller
from error_manager.security.sessions import (
    LINK_LIFETIME,
    SESSION_LIFETIME,
    TOKEN_BYTES,
    hash_token,
    is_alive,
    make_token,
)
from error_manager.storage.base import AccessStore, IngestKey, Person, Project

_SUBJECT_KEY_BYTES: Final = 32
_MAX_NAME_CHARS: Final = 100
_MAX_PROJECT_ID: Final = 2**31 - 1
_MAX_AGENT_CHARS: Final = 300
_FIRST_PERSON: Final = "Administrator"
_FIRST_PROJECT: Final = "Default"
_NOT_SLUG: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAccess:
    """What a start hands to the person at the terminal and writes into ``connection.json``."""

    project_id: ProjectId
    ingest_key: str
    admin_token: str = field(repr=False)
    login_token: str = field(repr=False)


async def bootstrap(svc: AccessServices, *, known_admin_token: str = "") -> FirstAccess:
    """Make what the first start needs and return it; later starts keep it and get a new login link.

    Args:
        svc: the services.
        known_admin_token: the token in ``connection.json``, kept while it is valid; "" makes a new one.
    """
    person = await _first_person(svc)
    project, key = await _first_project(svc)
    token = known_admin_token if await _is_valid(svc, known_admin_token) else await _admin_token(svc, person)
    return FirstAccess(
        project_id=project.id,
        ingest_key=key.key,
        admin_token=token,
        login_token=await make_login_link(svc, person_id=person.id),
    )


async def create_project(
    svc: AccessServices, name: str, *, project_id: int | None = None, key: str = ""
) -> tuple[Project, IngestKey]:
    """Make a project with an ingest key.

    Args:
        svc: the services.
        name: 1 to 100 characters.
        project_id: 1 to 2^31 - 1 that no project has; None takes the next.
        key: 32 hexadecimal digits that no project has; "" makes one.

    Raises:
        ValidationError: a value is wrong or taken.
    """
    wrong = _project_errors(name, project_id, key)
    taken = {known.key for known in await svc.access.ingest_keys()} if key else set()
    if key.lower() in taken:
        wrong.append(FieldError(path="key", message="a project has this key; choose another"))
    if wrong:
        raise ValidationError(wrong)
    number = ProjectId(project_id) if project_id is not None else await svc.access.next_project_id()
    sealed = svc.sealer.seal(svc.randomness(_SUBJECT_KEY_BYTES), context=subject_key_context(number))
    project = await svc.access.add_project(
        Project(id=number, name=name.strip(), slug=_slug(name, number), subject_key=sealed)
    )
    ingest_key = await svc.access.add_ingest_key(
        number, key.lower() or make_ingest_key(svc.randomness(16)), label="Default"
    )
    return project, ingest_key


def subject_key_context(project_id: ProjectId) -> str:
    """Return what a project's sealed subject key is bound to."""
    return f"projects/subject_key/{project_id}"


async def make_login_link(svc: AccessServices, *, person_id: int) -> str:
    """Return the token of a new one-time link, valid for 15 minutes."""
    token = make_token(svc.randomness(TOKEN_BYTES))
    await svc.access.add_login_link(
        hash_token(token), person_id=person_id, expires_at=svc.clock() + LINK_LIFETIME
    )
    return token


# --- requests ----------------------------------------------------------------------------------------------


async def sign_in(
    access: AccessStore, token: str, *, now: datetime, randomness: Callable[[int], bytes], user_agent: str
) -> str:
    """Use up a login link and return the id of a new session, for the cookie.

    Raises:
        AuthenticationError: the link is unknown, used or older than 15 minutes.
    """
    person_id = await access.use_login_link(hash_token(token), now=now)
    if person_id is None:
        message = "This link was used or has expired. Make a new one with: error-manager login"
        raise AuthenticationError(message)
    session_id = make_token(randomness(TOKEN_BYTES))
    await access.add_session(
        hash_token(session_id),
        person_id=person_id,
        now=now,
        expires_at=now + SESSION_LIFETIME,
        user_agent=user_agent[:_MAX_AGENT_CHARS],
    )
    return session_id


async def sign_out(access: AccessStore, session_id: str) -> None:
    """End a session on the server."""
    await access.end_session(hash_token(session_id))


async def caller_of_session(access: AccessStore, session_id: str, *, now: datetime) -> Caller:
    """Return who a session belongs to.

    Raises:
        AuthenticationError: there is no such session, or it is over.
    """
    session = await access.session(hash_token(session_id), now=now)
    if session is None or not is_alive(
        created_at=session.created_at, seen_at=session.seen_at, expires_at=session.expires_at, now=now
    ):
        message = "Your session is over. Sign in with a new link."
        raise AuthenticationError(message)
    return Caller(person_id=session.person_id)


async def caller_of_key(access: AccessStore, key: str, *, now: datetime) -> Caller:
    """Return who an API key belongs to.

    Raises:
        AuthenticationError: the key is malformed, unknown, revoked or expired, or it is an ingest key.
    """
    if is_ingest_key(key):
        message = (
            "This is the key of a DSN: it can send errors and read nothing. Use an API key (em_adm_...)."
        )
        raise AuthenticationError(message)
    found = await access.api_key(hash_api_key(key))
    if found is None or found.revoked_at is not None or (found.expires_at or now) < now:
        raise AuthenticationError
    return Caller(person_id=found.person_id, key_id=found.id)


# --- steps of the first start ------------------------------------------------------------------------------


async def _first_person(svc: AccessServices) -> Person:
    persons = await svc.access.persons()
    return persons[0] if persons else await svc.access.add_person(_FIRST_PERSON)


async def _first_project(svc: AccessServices) -> tuple[Project, IngestKey]:
    projects = await svc.access.projects()
    if not projects:
        return await create_project(svc, _FIRST_PROJECT, project_id=1)
    keys = [key for key in await svc.access.ingest_keys(projects[0].id) if key.is_active]
    if keys:
        return projects[0], keys[0]
    key = make_ingest_key(svc.randomness(16))
    return projects[0], await svc.access.add_ingest_key(projects[0].id, key, label="Default")


async def _is_valid(svc: AccessServices, token: str) -> bool:
    try:
        await caller_of_key(svc.access, token, now=svc.clock())
    except AuthenticationError:
        return False
    return True


async def _admin_token(svc: AccessServices, person: Person) -> str:
    token = make_api_key(svc.randomness(RANDOM_BYTES))
    await svc.access.add_api_key(person.id, hash_api_key(token), label="connection.json", expires_at=None)
    return token


def _project_errors(name: str, project_id: int | None, key: str) -> list[FieldError]:
    wrong = []
    if not name.strip() or len(name.strip()) > _MAX_NAME_CHARS or not name.isprintable():
        wrong.append(FieldError(path="name", message=f"expected 1 to {_MAX_NAME_CHARS} printable characters"))
    if project_id is not None and not 1 <= project_id <= _MAX_PROJECT_ID:
        wrong.append(FieldError(path="id", message=f"expected 1 to {_MAX_PROJECT_ID}"))
    if key and not is_ingest_key(key.lower()):
        wrong.append(FieldError(path="key", message="expected 32 hexadecimal digits"))
    return wrong


def _slug(name: str, project_id: ProjectId) -> str:
    return _NOT_SLUG.sub("-", name.lower()).strip("-")[:50] or f"project-{project_id}"
