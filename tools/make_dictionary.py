"""Make the shipped zstd dictionary from errors of the demo: ``python tools/make_dictionary.py OUT``.

Only for a new dictionary id: a released dictionary is never made again, stored bodies need it as it was.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import zstandard

from error_manager.runtime.demo.bodies import BodyMaker
from error_manager.runtime.demo.schedule import moments

_SAMPLES = 6000
_BYTES = 48 * 1024


def main() -> None:
    """Write the dictionary."""
    start = datetime(2026, 1, 5, tzinfo=UTC)
    maker = BodyMaker(start, seed=0)
    chosen = moments(start, start + timedelta(days=14), errors=_SAMPLES, rng=Random(0))
    bodies = [maker.body(moment, index)[1] for index, moment in enumerate(chosen)]
    Path(sys.argv[1]).write_bytes(zstandard.train_dictionary(_BYTES, bodies, level=3).as_bytes())


if __name__ == "__main__":
    main()
