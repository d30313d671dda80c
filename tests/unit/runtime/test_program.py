"""The lines that people paste into a shell."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from error_manager.runtime import program


def test_a_shown_command_names_its_program_and_its_folder(tmp_path, monkeypatch):
    """It needs nothing on the PATH and no default folder; a folder with a space stays one word."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    monkeypatch.setattr(sys, "executable", str(python))
    folder = Path("/srv/my data")
    assert shlex.split(program.shown("login", folder)) == [
        str(python), "-m", "error_manager", "login", "--data-dir", str(folder),
    ]  # fmt: skip
    script = python.with_name("error-manager")
    script.touch()
    assert shlex.split(program.shown("login", folder)) == [
        str(script), "login", "--data-dir", str(folder),
    ]  # fmt: skip


def test_a_shown_line_of_python_is_one_word_for_the_shell():
    """Quotes inside survive the shell."""
    code = 'import error_manager; error_manager.init("http://k@h/1"); 1 / 0'
    assert shlex.split(program.shown_python(code)) == [sys.executable, "-c", code]
