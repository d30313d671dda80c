"""What live pages are told of a commit fits into PostgreSQL's notices."""

from __future__ import annotations

import json
from uuid import UUID

from error_manager.core.types import ErrorId, PatternId, ProjectId
from error_manager.storage.base import CommitResult, PatternChange
from error_manager.storage.postgres.session import notices


def change(project: int, pattern: int, *, count: int = 1, is_new: bool = False) -> PatternChange:
    """Return a change."""
    return PatternChange(
        project_id=ProjectId(project),
        pattern_id=PatternId(pattern),
        count=count,
        is_new=is_new,
        is_regression=False,
    )


def test_one_notice_per_project_with_its_patterns():
    """Counts are summed per project; the first error is named."""
    error = ErrorId(UUID(int=7))
    result = CommitResult(
        accepted=3,
        duplicates=0,
        patterns=(change(1, 5, count=2, is_new=True), change(2, 6)),
        first_errors=((ProjectId(1), error),),
    )
    assert [json.loads(text) for text in notices(result)] == [
        {"project": 1, "accepted": 2, "patterns": [[5, 2, True, False]], "first_error": str(error)},
        {"project": 2, "accepted": 1, "patterns": [[6, 1, False, False]], "first_error": None},
    ]


def test_very_many_patterns_are_told_in_several_notices():
    """No payload is over the 8,000 bytes of NOTIFY, and no pattern is left out."""
    patterns = tuple(change(1, 10_000_000 + number, count=10**9) for number in range(1000))
    payloads = notices(CommitResult(accepted=1000, duplicates=0, patterns=patterns))
    assert max(len(text) for text in payloads) < 8000
    assert sum(len(json.loads(text)["patterns"]) for text in payloads) == 1000


def test_nothing_stored_is_no_notice():
    """Duplicates alone wake nobody."""
    assert notices(CommitResult(accepted=0, duplicates=9, patterns=())) == ()
