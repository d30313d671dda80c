"""What commands say when the server of a folder does not run."""

from __future__ import annotations

import pytest

from error_manager.core.errors import DataFolderError, NotRunningError
from error_manager.runtime.connection_file import Connection, write_connection
from error_manager.runtime.data_folder import lock_folder, open_folder
from error_manager.runtime.presence import folder_hint, require_running
from error_manager.runtime.settings import load_settings

CONNECTION = Connection(url="http://h:1", dsn="http://k@h:1/1", ingest_key="k", admin_token="t", project_id=1)


def test_a_folder_that_was_never_used_is_told_apart_from_a_stopped_server(tmp_path):
    """The first wants another folder named, the second started; a held lock needs neither."""
    settings = load_settings({"data_dir": tmp_path}, environ={})
    with pytest.raises(DataFolderError, match="make run"):
        require_running(settings)
    open_folder(tmp_path)
    write_connection(tmp_path, CONNECTION)
    with pytest.raises(NotRunningError, match=f"does not run on {tmp_path}.* up --data-dir {tmp_path}"):
        require_running(settings)
    lock = lock_folder(tmp_path)
    try:
        require_running(settings)
    finally:
        lock.release()


def test_a_database_of_ones_own_needs_no_server(tmp_path):
    """It may be there while nothing of ours runs."""
    url = "postgresql://u@h/d"
    require_running(load_settings({"data_dir": tmp_path, "database.url": url}, environ={}))


def test_the_folder_of_the_checkout_is_named(tmp_path, monkeypatch):
    """Where .data/connection.json is, that folder is the one meant."""
    monkeypatch.chdir(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    assert "make run" in folder_hint(elsewhere)
    (tmp_path / ".data").mkdir()
    write_connection(tmp_path / ".data", CONNECTION)
    assert folder_hint(elsewhere).endswith("--data-dir .data")
    assert "make run" in folder_hint(tmp_path / ".data")
