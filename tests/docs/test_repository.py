"""What no committed file may hold, and what the documents that people read first must be true about."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from error_manager.core.version import VERSION

ROOT = Path(__file__).parents[2]
REGISTRIES = re.compile(
    rb"py[p]i\.org|pythonh[o]sted\.org|registry\.np[m]js\.org|registry\.y[a]rnpkg|deb\.deb[i]an\.org"
    rb"|proxy\.gol[a]ng\.org|repo[0-9]*\.mav[e]n|static\.cr[a]tes"
)
MACHINE_PATHS = re.compile(rb"(?<![\w.])/(?:wor[k]|roo[t]|far[m]|opt/p[y])/")


@pytest.fixture(scope="module")
def committed(require) -> dict[str, bytes]:
    """Return the files that git keeps or would add, by their path."""
    is_checkout = (ROOT / ".git").exists()
    require("a git checkout", "run the tests in a clone of the repository", is_present=is_checkout)
    git = require("git", "install git")
    listed = subprocess.run(
        [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    paths = [ROOT / name for name in listed.decode().split("\0") if name]
    return {str(path.relative_to(ROOT)): path.read_bytes() for path in paths if path.is_file()}


@pytest.mark.parametrize("pattern", [REGISTRIES, MACHINE_PATHS], ids=["registries", "machine paths"])
def test_no_file_depends_on_a_mirror_or_a_machine(committed, pattern):
    """No committed file names a package registry's host or a path of somebody's machine."""
    found = [
        f"{name}: {match[0].decode()}" for name, text in committed.items() for match in pattern.finditer(text)
    ]
    assert found == []


def test_locks_carry_hashes_for_every_package(committed):
    """Each locked requirement is pinned to one version and carries hashes."""
    locks = {name: text.decode() for name, text in committed.items() if name.endswith(".lock")}
    assert set(locks) >= {"requirements/server.lock", "requirements/dev.lock"}
    for name, text in locks.items():
        entries = re.split(r"\n(?=\S)", re.sub(r"(?m)^ *#.*\n", "", text).strip())
        bare = [entry for entry in entries if not re.match(r"[\w.\[\],-]+==\S+.*\\\n +--hash=sha256:", entry)]
        assert (name, bare) == (name, [])


def test_server_lock_is_part_of_the_development_lock(committed):
    """What is tested is what is shipped: both locks pin the same versions."""

    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[\w.\[\]-]+==\S+", committed[name].decode(), re.MULTILINE))

    assert pins("requirements/server.lock") - pins("requirements/dev.lock") == set()


def test_base_install_has_no_dependencies():
    """The distribution without extras installs nothing but itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["dependencies"] == []


def test_version_is_a_release_number():
    """The version has three numbers, so that clients can compare it."""
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)


def test_links_between_documents_lead_somewhere(committed):
    """Each relative link of a Markdown file points at a file of the repository."""
    broken = []
    for name, text in committed.items():
        if not name.endswith(".md"):
            continue
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", text.decode()):
            path = (ROOT / name).parent / target
            if not path.exists():
                broken.append(f"{name}: {target}")
    assert broken == []


def test_changelog_fragments_are_named_after_their_kind(committed):
    """Each fragment in changelog.d is called <slug>.<kind>.md with one of the five kinds."""
    wrong = [
        name
        for name in committed
        if name.startswith("changelog.d/")
        and name != "changelog.d/README.md"
        and not re.fullmatch(r"changelog\.d/[a-z0-9-]+\.(added|changed|fixed|security|removed)\.md", name)
    ]
    assert wrong == []
