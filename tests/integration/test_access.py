"""First start, login links, sessions, keys and projects on a real database."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from error_manager.core.errors import AuthenticationError, NotFoundError, ValidationError
from error_manager.core.types import ProjectId
from error_manager.flows.access import (
    bootstrap,
    caller_of_key,
    caller_of_session,
    create_project,
    make_login_link,
    sign_in,
    sign_out,
    subject_key_context,
)
from error_manager.flows.services import AccessServices
from error_manager.security.api_keys import hash_api_key
from error_manager.security.encryption import MasterKey, Sealer
from error_manager.security.sessions import IDLE_LIFETIME, LINK_LIFETIME
from error_manager.storage.postgres.access import PostgresAccess
from error_manager.storage.postgres.connection import pool

SEALER = Sealer(MasterKey(id=1, secret=b"k" * 32))


@dataclass
class Clock:
    """A clock that is set by hand."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def svc(database):
    """Services on a fresh database."""
    connections = pool(database.url, application_name="test", min_size=1, max_size=2, autocommit=True)
    await connections.open()
    yield AccessServices(
        access=PostgresAccess(connections), sealer=SEALER, clock=Clock(), randomness=os.urandom
    )
    await connections.close()


async def test_first_start_makes_what_is_needed_and_later_starts_keep_it(svc) -> None:
    """Person, project 1, keys; the second start returns the same keys and another link."""
    first = await bootstrap(svc)
    second = await bootstrap(svc, known_admin_token=first.admin_token)
    assert (first.project_id, second.ingest_key, second.admin_token) == (
        1,
        first.ingest_key,
        first.admin_token,
    )
    assert first.login_token != second.login_token
    assert len(await svc.access.persons()) == len(await svc.access.projects()) == 1


async def test_a_lost_connection_file_gets_a_new_token(svc) -> None:
    """The old token keeps working until it is revoked."""
    first = await bootstrap(svc)
    second = await bootstrap(svc, known_admin_token="em_adm_wrong")
    assert second.admin_token != first.admin_token
    assert (await caller_of_key(svc.access, first.admin_token, now=svc.clock())).key_id == 1


async def test_no_secret_is_stored_in_plain(svc, database) -> None:
    """A dump of the whole database holds neither tokens nor subject keys."""
    made = await bootstrap(svc)
    session_id = await sign_in(
        svc.access, made.login_token, now=svc.clock(), randomness=os.urandom, user_agent="t"
    )
    (project,) = await svc.access.projects()
    plain = SEALER.open(project.subject_key, context=subject_key_context(project.id))
    with psycopg.connect(database.owner_url) as connection:
        dump = ""
        for table in ("persons", "api_keys", "login_links", "sessions", "projects", "ingest_keys"):
            rows = connection.execute(f"SELECT t::text FROM {table} t").fetchall()
            dump += "".join(row[0] for row in rows)
    assert len(plain) == 32
    for secret in (made.admin_token, made.login_token, session_id, plain.hex()):
        assert secret not in dump
    assert made.ingest_key in dump


async def test_a_login_link_works_once_and_for_fifteen_minutes(svc) -> None:
    """Used or old links are refused alike."""
    made = await bootstrap(svc)
    old = await make_login_link(svc, person_id=1)
    await sign_in(svc.access, made.login_token, now=svc.clock(), randomness=os.urandom, user_agent="t")
    svc.clock.now += LINK_LIFETIME
    for token in (made.login_token, old, "0" * 64, "x"):
        with pytest.raises(AuthenticationError):
            await sign_in(svc.access, token, now=svc.clock(), randomness=os.urandom, user_agent="t")


async def test_a_session_lives_while_it_is_used(svc) -> None:
    """Use moves its end; a week without ends it; signing out ends it at once."""
    made = await bootstrap(svc)
    session_id = await sign_in(
        svc.access, made.login_token, now=svc.clock(), randomness=os.urandom, user_agent="t"
    )
    for _ in range(3):
        svc.clock.now += IDLE_LIFETIME - timedelta(minutes=2)
        assert (await caller_of_session(svc.access, session_id, now=svc.clock())).is_browser
    await sign_out(svc.access, session_id)
    with pytest.raises(AuthenticationError):
        await caller_of_session(svc.access, session_id, now=svc.clock())


async def test_an_idle_session_is_over(svc) -> None:
    """After seven days without a request."""
    made = await bootstrap(svc)
    session_id = await sign_in(
        svc.access, made.login_token, now=svc.clock(), randomness=os.urandom, user_agent="t"
    )
    svc.clock.now += IDLE_LIFETIME
    with pytest.raises(AuthenticationError, match="over"):
        await caller_of_session(svc.access, session_id, now=svc.clock())


async def test_a_revoked_or_expired_key_is_refused(svc) -> None:
    """From the next request on."""
    made = await bootstrap(svc)
    (key,) = await svc.access.api_keys()
    await svc.access.revoke_api_key(key.id, now=svc.clock())
    with pytest.raises(AuthenticationError):
        await caller_of_key(svc.access, made.admin_token, now=svc.clock())
    again = await bootstrap(svc)
    with pytest.raises(AuthenticationError, match="DSN"):
        await caller_of_key(svc.access, again.ingest_key, now=svc.clock())
    assert (await svc.access.api_key(hash_api_key(made.admin_token))).revoked_at is not None


async def test_projects_get_the_id_and_key_asked_for(svc, database) -> None:
    """And the next one without an id does not collide."""
    await bootstrap(svc)
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("LISTEN em_keys")
        project, key = await create_project(svc, "Shop", project_id=42, key="AB" * 16)
        assert (project.id, key.key) == (42, "ab" * 16)
        assert {notice.channel for notice in connection.notifies(timeout=2, stop_after=1)} == {"em_keys"}
    other, _ = await create_project(svc, "Shop")
    assert (other.id, other.slug) == (43, "shop-43")


@pytest.mark.parametrize(
    ("name", "project_id", "key", "path"),
    [
        ("", None, "", "name"),
        ("x" * 101, None, "", "name"),
        ("a\nb", None, "", "name"),
        ("x", 0, "", "id"),
        ("x", 2**31, "", "id"),
        ("x", 1, "", "id"),
        ("x", None, "xyz", "key"),
    ],
)
async def test_wrong_projects_are_refused(svc, name, project_id, key, path) -> None:
    """With the name of the wrong field."""
    await bootstrap(svc)
    with pytest.raises(ValidationError) as caught:
        await create_project(svc, name, project_id=project_id, key=key)
    assert [error.path for error in caught.value.errors] == [path]


async def test_a_project_has_the_weight_that_was_set(svc) -> None:
    """One until then; of no project that there is not."""
    made = await bootstrap(svc)
    (project,) = await svc.access.projects()
    assert (project.id, project.weight) == (made.project_id, 1.0)
    assert await svc.access.set_weight(project.id, 0.3) == replace(project, weight=0.3)
    assert [one.weight for one in await svc.access.projects()] == [0.3]
    with pytest.raises(NotFoundError):
        await svc.access.set_weight(ProjectId(999), 2.0)


async def test_a_taken_key_is_refused_and_leaves_no_project(svc) -> None:
    """Checked before anything is stored."""
    made = await bootstrap(svc)
    with pytest.raises(ValidationError, match="key"):
        await create_project(svc, "Other", key=made.ingest_key)
    assert len(await svc.access.projects()) == 1
