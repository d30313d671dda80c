"""Reads the families of errors that are shipped with the package, compiled with RE2."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from error_manager.analysis.diagnosis import Diagnoser
from error_manager.analysis.family import Family, parse_families
from error_manager.runtime.wiring.linear import compile_linear


def load_families() -> tuple[Family, ...]:
    """Return the shipped families.

    Raises:
        ConfigurationError: a file was changed and has wrong fields; all are named.
    """
    folder = files("error_manager.analysis") / "knowledge"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return parse_families({name: (folder / name).read_text(encoding="utf-8") for name in names})


@cache
def load_diagnoser() -> Diagnoser:
    """Return what tells families, with the shipped knowledge; it is read and compiled once a process."""
    return Diagnoser(load_families(), compile_linear)
