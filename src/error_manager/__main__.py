"""`python -m error_manager` is the same as `error-manager`; the processes of `up` are started this way."""

from __future__ import annotations

import sys

from error_manager.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
