"""The data folder: layout, foreign folders, the lock."""

from __future__ import annotations

import os

import pytest

from error_manager.core.errors import DataFolderError
from error_manager.runtime.data_folder import FOLDERS, LAYOUT, holder_of, lock_folder, open_folder


def test_a_new_folder_is_private_and_complete(tmp_path):
    """All sub-folders are made, closed to others, and VERSION says the layout."""
    folder = tmp_path / "a" / "b with ü"
    open_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in folder.iterdir()} == {*FOLDERS, "VERSION"}
    assert {(folder / name).stat().st_mode & 0o777 for name in FOLDERS} == {0o700}
    assert (folder / "VERSION").read_text().strip() == str(LAYOUT)


def test_a_folder_with_only_a_configuration_is_taken(tmp_path):
    """config.toml may be written before the first start."""
    (tmp_path / "config.toml").write_text("")
    open_folder(tmp_path)
    open_folder(tmp_path)
    assert (tmp_path / "VERSION").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("VERSION", str(LAYOUT + 1), "newer release"),
        ("VERSION", "?", "damaged"),
        ("VERSION", "", "damaged"),
        ("holiday.jpg", "x", "no data folder of Error Manager"),
    ],
)
def test_a_foreign_folder_is_refused_and_left_alone(tmp_path, name, content, words):
    """A newer layout, a damaged VERSION or other people's files: refused, nothing is created."""
    (tmp_path / name).write_text(content)
    with pytest.raises(DataFolderError, match=words):
        open_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    """A path below a file is refused with the path and what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError, match="--data-dir"):
        open_folder(tmp_path / "file" / "data")


def test_the_second_lock_names_the_holder(tmp_path):
    """Only one holds the folder; after it gave it back the next one may."""
    open_folder(tmp_path)
    assert holder_of(tmp_path) is None
    first = lock_folder(tmp_path)
    assert holder_of(tmp_path) == os.getpid()
    with pytest.raises(DataFolderError, match=f"pid {os.getpid()}"):
        lock_folder(tmp_path)
    first.release()
    assert holder_of(tmp_path) is None
    lock_folder(tmp_path).release()
