"""Rules of the layout that import-linter has no contract for: what may be imported by name."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import error_manager

PACKAGE = Path(error_manager.__file__).parent
ALLOWED = {
    "core": ("error_manager.core",),
    "client": ("error_manager.client", "error_manager.core", "error_manager.security.pii"),
    "security/pii.py": ("error_manager.core", "error_manager.security.pii"),
}


def imported(path: Path) -> set[str]:
    """Return the full names of the modules that a file imports, at any depth."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            is_package = PACKAGE.parent.joinpath(*module.split(".")).is_dir()
            names |= {f"{module}.{alias.name}" if is_package else module for alias in node.names}
    return names


@pytest.mark.parametrize("part", ALLOWED)
def test_what_lives_in_applications_needs_the_standard_library_alone(part):
    """The client, the core and the masker import nothing but the standard library and one another."""
    files = [PACKAGE / part] if part.endswith(".py") else sorted((PACKAGE / part).rglob("*.py"))
    assert files != []
    foreign = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in files
        for name in imported(path)
        if name.partition(".")[0] not in sys.stdlib_module_names
        and not any(name == allowed or name.startswith(f"{allowed}.") for allowed in ALLOWED[part])
    }
    assert foreign == set()
