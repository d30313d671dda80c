"""The distribution that users install."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """Return the wheel built from a copy of the source."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", copy / "src", ignore=ignored)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run([*build, "--wheel-dir", copy, copy], check=True, capture_output=True)
    return zipfile.ZipFile(next(copy.glob("*.whl")))


def test_wheel_holds_every_file_of_the_package(wheel):
    """Templates, SQL, dictionaries and vendored files are in the wheel, byte for byte."""
    source = ROOT / "src"
    files = {
        str(path.relative_to(source)): path.read_bytes()
        for path in (source / "error_manager").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    packed = {name: wheel.read(name) for name in wheel.namelist() if name.startswith("error_manager/")}
    assert packed == files


def test_base_install_requires_nothing(wheel):
    """Every requirement of the wheel belongs to an extra."""
    metadata = next(name for name in wheel.namelist() if name.endswith("/METADATA"))
    required = [
        line for line in wheel.read(metadata).decode().splitlines() if line.startswith("Requires-Dist:")
    ]
    assert required != []
    assert [line for line in required if "extra ==" not in line] == []
