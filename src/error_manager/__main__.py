"""`python -m error_manager` is the same as `error-manager`; the processes of `up` are started this way."""

from __future__ import annotations

import sys

from error_manager.cli.main import COMMANDS, main

if __name__ == "__main__":
    if any(command.is_internal and command.name in sys.argv[1:2] for command in COMMANDS):
        # structlog loads rich when it is there, to draw on a terminal: 5.5 MB in each process for nothing.
        sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # None = may not be imported
    sys.exit(main())
