"""Where programs on this machine find the server."""

from __future__ import annotations

from error_manager.runtime.connection_file import Connection, server_url, write_connection
from error_manager.runtime.settings import load_settings


def test_the_url_is_the_one_the_server_was_ready_at(tmp_path):
    """Before the first start the settings say it, from then on connection.json (another --port)."""
    settings = load_settings({"data_dir": tmp_path}, environ={})
    assert server_url(settings) == "http://127.0.0.1:8000"
    url = "http://127.0.0.1:9123"
    write_connection(
        tmp_path, Connection(url=url, dsn=f"{url}/1", ingest_key="k", admin_token="t", project_id=1)
    )
    assert server_url(settings) == url
