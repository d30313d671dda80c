"""Writes docs/reference/settings.md from the settings tree. Run by `make docs`.

Usage: python tools/settings_page.py [FILE]
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from typing import Final, get_type_hints

from error_manager.runtime.settings import SettingInfo, Settings, all_settings

PAGE: Final = Path(__file__).parents[1] / "docs" / "reference" / "settings.md"
HEAD: Final = """\
# Settings

Sources, the first that speaks wins: the command line, the environment, `config.toml` in the data folder, the
default. All problems are reported at once at start, each with its source; nothing is started then.

The data folder itself is named by `--data-dir` or `ERROR_MANAGER_DATA_DIR`; without either it is
`~/.local/share/error-manager` (as root `/var/lib/error-manager`). In `config.toml` the part before the dot is
the table:

```toml
retention_days = 90

[server]
port = 9000
```
"""
COLUMNS: Final = """\
| setting | environment | default | unit | range | meaning |
|---|---|---|---|---|---|
"""


def page() -> str:
    """Return the whole page."""
    sections = [HEAD]
    trees = get_type_hints(Settings)
    for name, group in groupby(all_settings(), key=lambda info: info.key.rpartition(".")[0]):
        about = trees[name].__doc__.splitlines()[0] if name else "What belongs to no part."
        rows = "".join(row(info) for info in group)
        sections.append(f"## {name or 'At the top'}\n\n{about}\n\n{COLUMNS}{rows}")
    return "\n".join(sections)


def row(info: SettingInfo) -> str:
    """Return the line of one setting."""
    default = str(info.default).lower() if info.default is None or info.type is bool else str(info.default)
    cells = (f"`{info.key}`", f"`{info.variable}`", default, info.unit, allowed(info), info.help)
    return f"| {' | '.join(cells)} |\n"


def allowed(info: SettingInfo) -> str:
    """Return what values a setting takes, in words."""
    if info.type is bool:
        return "true, false"
    if info.choices:
        return ", ".join(info.choices)
    bounds = (("at least", info.low), ("at most", info.high))
    return ", ".join(f"{word} {bound:.12g}" for word, bound in bounds if bound is not None)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE
    target.write_text(page(), encoding="utf-8")
