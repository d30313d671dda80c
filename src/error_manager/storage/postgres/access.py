"""Projects, keys, persons and sessions in PostgreSQL (seed box: PostgreSQL Adapter)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import sql

from error_manager.core.errors import NotFoundError, StorageError, ValidationError
from error_manager.core.types import FieldError, ProjectId
from error_manager.storage.base import ApiKey, IngestKey, Person, Project, Quota, Session
from error_manager.storage.postgres import named
from error_manager.storage.postgres.connection import translate
from error_manager.storage.postgres.reader import Reader, Rows

_SQL: Final = named.load("access.sql")
_TOUCH_EVERY: Final = timedelta(minutes=1)


class PostgresAccess(Reader):
    """``AccessStore`` over a pool of autocommit connections."""

    async def projects(self) -> tuple[Project, ...]:
        """Return all projects by id, with the sealed ``subject_key``."""
        return tuple(_project(row) for row in await self._rows(_SQL["read_projects"]))

    async def next_project_id(self) -> ProjectId:
        """Return an unused project id."""
        ((project_id,),) = await self._rows(_SQL["next_project_id"])
        return ProjectId(project_id)

    async def add_project(self, project: Project) -> Project:
        """Store a project; the slug gets a suffix when it is taken."""
        values = {
            "id": project.id,
            "organization_id": project.organization_id,
            "name": project.name,
            "slug": project.slug,
            "platform": project.platform,
            "subject_key": project.subject_key,
        }
        taken = FieldError(path="id", message=f"project {project.id} exists; choose another id")
        rows = await self._write(
            (_SQL["add_project"], _SQL["pass_project_id"], _SQL["announce"]), values, taken=taken
        )
        return _project(rows[0])

    async def set_weight(self, project_id: ProjectId, weight: float) -> Project:
        """Set the business weight of a project and return the project."""
        rows = await self._rows(_SQL["set_weight"], id=project_id, weight=weight)
        if not rows:
            raise NotFoundError(f"There is no project {project_id}.")
        return _project(rows[0])

    async def ingest_keys(self, project_id: ProjectId | None = None) -> tuple[IngestKey, ...]:
        """Return the ingest keys of one or all projects, oldest first, with both quotas."""
        rows = await self._rows(_SQL["read_ingest_keys"], project_id=project_id)
        return tuple(_ingest_key(row) for row in rows)

    async def add_ingest_key(self, project_id: ProjectId, key: str, *, label: str) -> IngestKey:
        """Store an ingest key."""
        values = {"project_id": project_id, "key": key, "label": label}
        wrong = FieldError(
            path="key", message="expected 32 hexadecimal digits that no project has, and a known project"
        )
        await self._write((_SQL["add_ingest_key"], _SQL["announce"]), values, taken=wrong)
        return next(found for found in await self.ingest_keys(project_id) if found.key == key)

    async def persons(self) -> tuple[Person, ...]:
        """Return all persons by id."""
        return tuple(Person(id=row[0], name=row[1]) for row in await self._rows(_SQL["read_persons"]))

    async def add_person(self, name: str) -> Person:
        """Store a person."""
        ((person_id, stored),) = await self._rows(_SQL["add_person"], name=name)
        return Person(id=person_id, name=stored)

    async def add_api_key(
        self, person_id: int, key_hash: bytes, *, label: str, expires_at: datetime | None
    ) -> ApiKey:
        """Store the hash of a new API key."""
        rows = await self._rows(
            _SQL["add_api_key"], person_id=person_id, key_hash=key_hash, label=label, expires_at=expires_at
        )
        return _api_key(rows[0])

    async def api_key(self, key_hash: bytes) -> ApiKey | None:
        """Return the key with that hash, also when it is revoked or expired."""
        rows = await self._rows(_SQL["read_api_key"], key_hash=key_hash)
        return _api_key(rows[0]) if rows else None

    async def api_keys(self) -> tuple[ApiKey, ...]:
        """Return all API keys, newest first."""
        return tuple(_api_key(row) for row in await self._rows(_SQL["read_api_keys"]))

    async def revoke_api_key(self, key_id: int, *, now: datetime) -> None:
        """Make a key useless from now on."""
        await self._write((_SQL["revoke_api_key"],), {"id": key_id, "now": now})

    async def add_login_link(self, token_hash: bytes, *, person_id: int, expires_at: datetime) -> None:
        """Store the hash of a one-time link; links that expired are removed."""
        values = {"token_hash": token_hash, "person_id": person_id, "expires_at": expires_at}
        await self._write((_SQL["add_login_link"],), values)

    async def use_login_link(self, token_hash: bytes, *, now: datetime) -> int | None:
        """Return the person of an unused, unexpired link and mark it used, in one step; None otherwise."""
        rows = await self._rows(_SQL["use_login_link"], token_hash=token_hash, now=now)
        return int(rows[0][0]) if rows else None

    async def add_session(
        self, id_hash: bytes, *, person_id: int, now: datetime, expires_at: datetime, user_agent: str
    ) -> None:
        """Store a session; sessions that expired are removed."""
        values = {
            "id_hash": id_hash,
            "person_id": person_id,
            "now": now,
            "expires_at": expires_at,
            "user_agent": user_agent,
        }
        await self._write((_SQL["add_session"],), values)

    async def session(self, id_hash: bytes, *, now: datetime) -> Session | None:
        """Return the session with that hash, also an expired one; ``seen_at`` moves at most once a minute."""
        rows = await self._rows(_SQL["read_session"], id_hash=id_hash)
        if not rows:
            return None
        person_id, created_at, seen_at, expires_at, user_agent = rows[0]
        if now - seen_at >= _TOUCH_EVERY:
            await self._write((_SQL["touch_session"],), {"id_hash": id_hash, "now": now})
        return Session(
            person_id=person_id,
            created_at=created_at,
            seen_at=seen_at,
            expires_at=expires_at,
            user_agent=user_agent,
        )

    async def end_session(self, id_hash: bytes) -> None:
        """Remove a session."""
        await self._write((_SQL["end_session"],), {"id_hash": id_hash})

    async def _write(
        self, statements: tuple[sql.SQL, ...], values: dict[str, object], *, taken: FieldError | None = None
    ) -> Rows:
        """Run the statements in one transaction and return the rows of the first.

        Raises:
            ValidationError: ``taken``, when a constraint refuses the values.
            StorageError: the database refused or is away.
        """
        try:
            async with self._pool.connection() as connection, connection.transaction():
                results: list[Rows] = []
                for statement in statements:
                    cursor = await connection.execute(statement, values)
                    results.append(await cursor.fetchall() if cursor.description else [])
                return results[0]
        except psycopg.IntegrityError as error:
            if taken is None:
                raise StorageError(str(error)) from error
            raise ValidationError((taken,)) from error
        except psycopg.Error as error:
            raise translate(error) from error


def _project(row: tuple[Any, ...]) -> Project:
    return Project(
        id=ProjectId(row[0]),
        name=row[1],
        slug=row[2],
        platform=row[3],
        organization_id=row[4],
        subject_key=bytes(row[5]),
        weight=row[6],
    )


def _ingest_key(row: tuple[Any, ...]) -> IngestKey:
    return IngestKey(
        id=row[0],
        key=row[1],
        project_id=ProjectId(row[2]),
        label=row[3],
        is_active=row[4],
        quota=_quota(row[5], row[6]),
        project_quota=_quota(row[7], row[8]),
    )


def _quota(limit: int | None, window_s: int) -> Quota | None:
    return None if limit is None else Quota(limit=limit, window=timedelta(seconds=window_s))


def _api_key(row: tuple[Any, ...]) -> ApiKey:
    return ApiKey(
        id=row[0],
        person_id=row[1],
        label=row[2],
        created_at=row[3],
        expires_at=row[4],
        revoked_at=row[5],
    )
