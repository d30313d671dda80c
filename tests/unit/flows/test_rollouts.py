"""Which releases brought something new."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from error_manager.core.types import ProjectId
from error_manager.flows.rollouts import rollouts
from error_manager.storage.findings import Change, ChangeKind

START = datetime(2026, 3, 2, tzinfo=UTC)


def _release(hours: float, version: str, environment: str = "production") -> Change:
    return Change(
        project_id=ProjectId(1),
        at=START + timedelta(hours=hours),
        kind=ChangeKind.RELEASE,
        version=version,
        environment=environment,
    )


def test_the_first_of_an_environment_and_the_second_environment_of_a_rollout_are_left_out() -> None:
    """What ran when the project began may be old; staging and production within a day are one rollout."""
    first, staged = _release(0, "1.0"), _release(3, "1.0", "staging")
    second, again = _release(50, "1.1"), _release(51, "1.1", "staging")
    assert rollouts((again, second, staged, first)) == (second,)


def test_a_release_that_reaches_production_days_later_is_a_rollout_of_its_own() -> None:
    """Tried in staging on Monday, live on Thursday: what comes on Thursday is of Thursday."""
    old = (_release(0, "1.0"), _release(0, "1.0", "staging"))
    tried, live = _release(50, "1.1", "staging"), _release(120, "1.1")
    assert rollouts((live, tried, *reversed(old))) == (live, tried)


def test_deploys_are_all_kept() -> None:
    """Somebody told them: also the first."""
    deploy = Change(project_id=ProjectId(1), at=START, kind=ChangeKind.DEPLOY, version="1.0")
    assert rollouts((deploy,)) == (deploy,)
