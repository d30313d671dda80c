"""The entry of the command line."""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from error_manager.cli import main as entry
from error_manager.cli.main import COMMANDS, Command, main
from error_manager.core.errors import (
    ConfigurationError,
    DataFolderError,
    ErrorManagerError,
    NotRunningError,
    StorageUnavailableError,
)
from error_manager.core.version import VERSION

SOURCE = Path(entry.__file__).parents[2]
SPEAK = Command(name="speak", summary="says a word", module="em_fake_speak")


@pytest.fixture
def install(monkeypatch, tmp_path):
    """Return a function that makes `speak` the only command, with this source as its module."""

    def with_source(source: str, **changes: object) -> None:
        (tmp_path / "em_fake_speak.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "em_fake_speak", raising=False)
        fields = {"name": "speak", "summary": "says a word", "module": "em_fake_speak", **changes}
        monkeypatch.setattr(entry, "COMMANDS", (Command(**fields),))

    yield with_source
    sys.modules.pop("em_fake_speak", None)


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make `speak` raise this error when it runs."""

    def run(args: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(entry, "COMMANDS", (SPEAK,))
    monkeypatch.setattr(entry, "_load", lambda command: (lambda parser: None, run))


def test_command_gets_its_arguments_and_returns_its_exit_code(install, capsys):
    """The chosen module's configure adds the arguments that run receives; run's value is the exit code."""
    install(
        "def configure(parser): parser.add_argument('--word')\ndef run(args): print(args.word); return 7\n"
    )
    assert main(["speak", "--word", "hello"]) == 7
    assert capsys.readouterr().out == "hello\n"


def test_missing_extra_names_the_pip_command(install, capsys):
    """A command whose package is absent says which extra to install and exits 2, without a traceback."""
    install("import em_absent_package.part\n")
    assert main(["speak"]) == 2
    error = capsys.readouterr().err
    assert "em_absent_package" in error
    assert "pip install './error-manager[server]'" in error
    assert "Traceback" not in error


def test_missing_module_of_our_own_is_a_fault(install):
    """A module of the product that cannot be found is a bug and keeps its traceback."""
    install("import error_manager.em_absent\n")
    with pytest.raises(ModuleNotFoundError, match="em_absent"):
        main(["speak"])


def test_only_the_chosen_module_is_loaded(install, capsys):
    """Help of the whole program loads no command, so that it works without the server."""
    install("raise RuntimeError\n")
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    assert "says a word" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (DataFolderError("The folder x is locked."), 1, "error-manager speak: The folder x is locked."),
        (StorageUnavailableError(), 75, "The database is away."),
        (NotRunningError(), 75, "error-manager speak: Error Manager does not run on this data folder.\n"),
        (ConfigurationError(["server.port: too large", "inbox: unknown"]), 2, "  - inbox: unknown"),
        (ErrorManagerError("No such thing."), 1, "`error-manager doctor`"),
    ],
)
def test_known_errors_become_words(monkeypatch, capsys, error, code, words):
    """Each error of the product ends in its exit code and a message on stderr that says what to do."""
    failing(monkeypatch, error)
    assert main(["speak"]) == code
    shown = capsys.readouterr()
    assert words in shown.err
    assert shown.out == ""
    assert "Traceback" not in shown.err


def test_unknown_errors_keep_their_traceback(monkeypatch):
    """A bug is not dressed up as a message."""
    failing(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        main(["speak"])


def test_interrupt_ends_quietly(monkeypatch, capsys):
    """Ctrl-C gives the shell's exit code for it and prints nothing."""
    failing(monkeypatch, KeyboardInterrupt())
    assert main(["speak"]) == 130
    assert capsys.readouterr().err == ""


def test_reader_that_leaves_early_is_no_fault():
    """Output into a closed pipe ends the command without a traceback."""
    program = (
        "import sys; from error_manager.cli import main as m\n"
        "def run(args):\n"
        "    for _ in range(100_000): print('line')\n"
        "    return 0\n"
        "m._load = lambda command: (lambda parser: None, run)\n"
        "sys.exit(m.main(['status']))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PYTHONPATH": str(SOURCE)},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait(timeout=30) == 1
    assert errors == b""


def test_no_command_shows_the_help(capsys):
    """Without a command the list of commands is shown and the exit code says wrong usage."""
    assert main([]) == 2
    shown = capsys.readouterr().err
    for command in COMMANDS:
        assert bool(re.search(rf"^ +{command.name}\b", shown, re.MULTILINE)) is not command.is_internal


def test_unknown_command_is_wrong_usage(capsys):
    """A word that is no command is named, with exit code 2."""
    with pytest.raises(SystemExit) as stop:
        main(["fly"])
    assert stop.value.code == 2
    assert "fly" in capsys.readouterr().err


def test_version(capsys):
    """--version says the product's version and the Python it runs on."""
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.startswith(f"error-manager {VERSION} (Python 3.")


def test_entry_needs_the_standard_library_alone():
    """The entry and what it imports run without site-packages."""
    program = (
        f"import sys; sys.path[0:0] = [{str(SOURCE)!r}]; from error_manager.cli.main import main; main([])"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.stderr.startswith("usage: error-manager")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_of_the_table_exists(command):
    """Each module that the table names is there and has configure and run."""
    path = SOURCE.joinpath(*command.module.split(".")).with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {"configure", "run"} <= functions
