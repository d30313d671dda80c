"""Whether the server of a data folder runs, and what to say when it does not (seed box: Runtime)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from error_manager.core.errors import DataFolderError, NotRunningError
from error_manager.runtime.connection_file import CONNECTION_FILE, read_connection
from error_manager.runtime.data_folder import holder_of
from error_manager.runtime.program import shown
from error_manager.runtime.settings import Settings

_CHECKOUT_FOLDER: Final = Path(".data")
"""What ``make run`` uses, below the checkout."""


def require_running(settings: Settings) -> None:
    """Return when the database of the settings can be there: it is another one, or the server runs.

    Raises:
        DataFolderError: the server was never ready on this folder; the message says which to name.
        NotRunningError: it does not run now; the message says how to start it.
    """
    if settings.database.url is not None or holder_of(settings.data_dir) is not None:
        return
    if read_connection(settings.data_dir) is None:
        raise DataFolderError(never_ready(settings.data_dir))
    raise NotRunningError(
        f"Error Manager does not run on {settings.data_dir}. Start it with: {shown('up', settings.data_dir)}"
    )


def never_ready(data_dir: Path) -> str:
    """Return that no server was ever ready on the folder, and which folder to name instead."""
    return f"`error-manager up` was never ready on {data_dir}. {folder_hint(data_dir)}"


def folder_hint(data_dir: Path) -> str:
    """Return which folder to name instead of one no server uses: that of the checkout we stand in, if any."""
    if _CHECKOUT_FOLDER.absolute() != data_dir and (_CHECKOUT_FOLDER / CONNECTION_FILE).is_file():
        return f"There is a server's folder here: --data-dir {_CHECKOUT_FOLDER}"
    return "Name the server's folder with --data-dir; `make run` uses ./.data."
