"""Rotation of log files."""

from __future__ import annotations

from error_manager.runtime.log import rotate


def test_a_log_over_the_limit_moves_aside_and_its_writer_goes_on(tmp_path):
    """The old content is in NAME.log.1, the open file continues at the start of the emptied one."""
    with (tmp_path / "serve-0.log").open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        assert rotate(tmp_path, limit_bytes=99) == (tmp_path / "serve-0.log",)
        writer.write(b"new")
    assert (tmp_path / "serve-0.log").read_bytes() == b"new"
    assert (tmp_path / "serve-0.log.1").read_bytes() == b"x" * 100


def test_a_log_below_the_limit_stays(tmp_path):
    """Nothing is touched before the limit is passed."""
    (tmp_path / "serve-0.log").write_bytes(b"x" * 100)
    assert rotate(tmp_path, limit_bytes=100) == ()
