"""The accepting process, as far as it needs no sockets."""

from __future__ import annotations

import resource

from error_manager.runtime.serve import raise_file_limit


def test_the_limit_of_open_files_is_the_hard_one() -> None:
    """A lower soft limit is raised as far as this user may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    try:
        raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
