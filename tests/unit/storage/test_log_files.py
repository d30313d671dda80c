import gzip
import io
import sys
from types import SimpleNamespace

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.errors import ConfigurationError
from error_manager.decoding.log_block import cut_at_record
from error_manager.storage import log_files
from error_manager.storage.log_files import TABLE_ENDINGS, LogFiles, find_files, find_growing
from error_manager.storage.log_follow import FollowedFile
from error_manager.storage.zstd_file import ZstdFile

TEXT = b"".join(b"2026-11-23 10:00:00 ERROR order %d failed\n\tat a.b(C.java:1)\n" % n for n in range(400))


def test_files_folders_and_patterns(tmp_path):
    """Names, folders with rotated and packed files, patterns the shell left alone; all problems at once."""
    for name in ("a.log", "a.log.1", "b.log.gz", "c.png", "in/d.out"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    names = [path.name for path in find_files([str(tmp_path)])]
    assert names == ["a.log", "a.log.1", "b.log.gz", "d.out"]
    (tmp_path / "in" / "e.csv").write_bytes(b"")
    tables = find_files([str(tmp_path)], endings=TABLE_ENDINGS)
    assert [path.name for path in tables] == ["b.log.gz", "e.csv"]
    assert [path.name for path in find_files([str(tmp_path / "*.log")])] == ["a.log"]
    assert [path.name for path in find_files([str(tmp_path / "**/*.out")])] == ["d.out"]
    assert find_files(["-"]) == [None]
    (tmp_path / "none").mkdir()
    with pytest.raises(ConfigurationError) as caught:
        find_files([str(tmp_path / "x.log"), str(tmp_path / "*.nothing"), str(tmp_path / "none")])
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_packed_files_are_read(tmp_path, monkeypatch, ending):
    """Plain, gzip and zstd give the same blocks, each beginning with a record; all bytes are counted."""
    pack = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}[ending]
    path = tmp_path / f"a.log{ending}"
    path.write_bytes(pack(TEXT) + pack(TEXT))
    monkeypatch.setattr(log_files, "BLOCK_BYTES", 1_000)
    files = LogFiles([path], open_zstd=ZstdFile)
    blocks = list(files.blocks(cut_at_record))
    assert b"".join(blocks) == TEXT + TEXT
    assert all(block.startswith(b"2026") for block in blocks)
    assert files.done_bytes == files.total_bytes == path.stat().st_size
    assert files.first_lines(2) == ["2026-11-23 10:00:00 ERROR order 0 failed", "at a.b(C.java:1)"]


def test_what_grows(tmp_path):
    """A name that is not there yet is waited for; of a folder the files that are not packed are followed."""
    for name in ("a.log", "b.log.gz"):
        (tmp_path / name).write_bytes(b"")
    assert find_growing([str(tmp_path / "later.log")]) == [tmp_path / "later.log"]
    assert find_growing([str(tmp_path)]) == find_growing([str(tmp_path / "*.log")]) == [tmp_path / "a.log"]


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_damaged_files_are_named(tmp_path, ending):
    """A packed file that is cut or no packed file at all is an error that names it."""
    path = tmp_path / f"a{ending}"
    for body in (
        b"no packed file",
        gzip.compress(TEXT)[:-20] if ending == ".gz" else b"\x28\xb5\x2f\xfd" + TEXT,
    ):
        path.write_bytes(body)
        with pytest.raises(ConfigurationError, match=rf"a\{ending}: cannot be read"):
            list(LogFiles([path], open_zstd=ZstdFile).blocks(cut_at_record))
    path.write_bytes(b"no packed file")
    with pytest.raises(ConfigurationError, match=rf"a\{ending}: cannot be read"):
        LogFiles([path], open_zstd=ZstdFile).first_lines(1)


def test_standard_input(monkeypatch):
    """Standard input is read like a file; it has no first line to look at."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(TEXT)))
    files = LogFiles([None], open_zstd=None)
    assert files.first_lines(1) == []
    assert b"".join(files.blocks(cut_at_record)) == TEXT


@given(st.lists(st.binary(max_size=40), max_size=30))
def test_no_byte_is_lost(pieces):
    """However the bytes come and wherever lines end, the blocks are the input."""
    source = SimpleNamespace(read=iter([piece for piece in pieces if piece] + [b""]).__next__)
    blocks = list(log_files._blocks(SimpleNamespace(read=lambda _: source.read()), cut_at_record))
    assert b"".join(blocks) == b"".join(pieces)


def test_following_sees_growth_rotation_and_truncation(tmp_path):
    """What is appended, written to a new file of the name, or after truncation is read, each byte once."""
    path = tmp_path / "a.log"
    followed = FollowedFile(path)
    assert followed.read() == b""
    path.write_bytes(b"one\n")
    assert (followed.read(), followed.read()) == (b"one\n", b"")
    with path.open("ab") as file:
        file.write(b"two\n")
    path.rename(tmp_path / "a.log.1")
    path.write_bytes(b"three is longer\n")
    assert (followed.read(), followed.read(), followed.read()) == (b"two\n", b"three is longer\n", b"")
    path.write_bytes(b"four\n")
    assert (followed.read(), followed.read()) == (b"four\n", b"")
    followed.close()
