"""Dead letters that can be opened, and one that never can."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from rich.console import Console

from error_manager.cli import deadletters
from error_manager.core.errors import InboxCorruptError, SealError
from error_manager.core.types import OutcomeKind, ProjectId
from error_manager.storage.base import DeadLetter, InboxRecord, RecordKind
from error_manager.storage.memory_errors import MemoryErrorStore, MemoryProjects, MemoryPublisher
from error_manager.storage.memory_templates import NoTemplates

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
RECORD = InboxRecord(
    kind=RecordKind.SENTRY_EVENT,
    project_id=ProjectId(1),
    received_at=NOW,
    body=b"{}",
    outcome=OutcomeKind.INVALID,
    reason="json",
)


def opened(body: bytes) -> InboxRecord:
    """Return the record; what was damaged cannot be read, what another key sealed cannot be opened."""
    if not body:
        raise InboxCorruptError("empty")
    if body == b"other":
        raise SealError("another key")
    return RECORD


@pytest.fixture
def svc():
    """Services with a damaged letter, one sealed by another key, and a good one."""
    store = MemoryErrorStore()
    store.letters = {
        number: DeadLetter(
            id=number,
            project_id=ProjectId(1),
            received_at=NOW,
            kind=RecordKind.SENTRY_EVENT,
            event_id="",
            reason="corrupt",
            detail="",
            body=body,
            attempts=1,
        )
        for number, body in ((1, b""), (2, b"other"), (3, b"good"))
    }
    return SimpleNamespace(
        store=store,
        projects=MemoryProjects(),
        templates=NoTemplates(),
        stream=MemoryPublisher(),
        open_record=opened,
    )


async def told(svc, action) -> tuple[int, str]:
    """Do it with every letter; return the exit code and what was printed."""
    console = Console(record=True, width=200, quiet=False)
    code = await deadletters._each(svc, [1, 2, 3], console, action)
    return code, console.export_text()


async def test_show_says_which_cannot_be_opened(svc):
    """The others are shown all the same."""
    code, text = await told(svc, deadletters._show)
    assert (code, text.count("cannot be opened"), text.count("{}")) == (0, 2, 1)


async def test_replay_goes_on_behind_one_that_cannot_be_opened(svc):
    """The person is told to drop it; the good one is processed."""
    code, text = await told(svc, deadletters._replay)
    assert code == 1
    assert text.splitlines() == [
        "1: cannot be opened; drop it",
        "2: cannot be opened; drop it",
        "3: processed",
    ]
    assert sorted(svc.store.letters) == [1, 2]


async def test_drop_takes_those_that_cannot_be_opened(svc):
    """None is left."""
    code, _ = await told(svc, deadletters._drop)
    assert (code, svc.store.letters) == (0, {})
