"""Writes docs/reference/families.md from the shipped knowledge. Run by `make docs`.

Usage: python tools/families_page.py [FILE]
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from typing import Final

from error_manager.analysis.family import Family
from error_manager.runtime.wiring.knowledge import load_families

PAGE: Final = Path(__file__).parents[1] / "docs" / "reference" / "families.md"
HEAD: Final = """\
# Families of errors

A family is a cause that errors share, whatever the platform: what to check is the same. Each is told by names
of exceptions, wording of messages and error codes; [the guide](../guides/recommendations.md) says how. The
marks themselves stand in `src/error_manager/analysis/knowledge/*.toml`, one entry each; this page is made
from them by `make docs`.
"""


def page() -> str:
    """Return the whole page."""
    families = sorted(load_families(), key=lambda family: family.id)
    sections = [HEAD]
    for group, members in groupby(families, key=lambda family: family.id.partition(".")[0]):
        sections.append(f"## {group}\n\n" + "\n".join(map(entry, members)))
    return "\n".join(sections)


def entry(family: Family) -> str:
    """Return what is said of one family."""
    checks = "".join(f"{number}. {check}\n" for number, check in enumerate(family.checks, 1))
    return (
        f"### `{family.id}`\n\n{family.title}. Known on: {', '.join(family.platforms)}.\n\n"
        f"Likely: {'; '.join(cause[0].lower() + cause[1:] for cause in family.causes)}.\n\n{checks}"
    )


def main() -> None:
    """Write the page to the file named, or to its place."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    target.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
