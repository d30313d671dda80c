"""What `up` prints when it is ready."""

from __future__ import annotations

import shlex
import sys

from error_manager.cli.up import Terminal
from error_manager.runtime.program import shown
from error_manager.runtime.settings import load_settings

READY = {
    "login_url": "http://127.0.0.1:8000/login/t",
    "connection": {"url": "http://127.0.0.1:8000", "ingest_key": "k", "dsn": "http://k@127.0.0.1:8000/1"},
}


def test_everything_printed_can_be_pasted(tmp_path, capsys):
    """The next login link and the first error from Python are lines a shell runs from any folder."""
    settings = load_settings({"data_dir": tmp_path}, environ={})
    Terminal().welcome(settings, READY)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    python = next(line for line in lines if line.startswith("Python"))
    start, option, code = shlex.split(python.removeprefix("Python"))
    assert (start, option) == (sys.executable, "-c")
    compile(code, "pasted", "exec")
    assert READY["connection"]["dsn"] in code
    assert any(shown("login", tmp_path) in line for line in lines)
