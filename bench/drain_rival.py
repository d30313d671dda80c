"""Drain3 with the masks of its README, the rival of bench/templates.py; runs in an environment of its own.

``python bench/drain_rival.py FILE.json``: a list of lists of messages; prints lines/s as JSON. Nothing of
Error Manager is imported.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

_EDGES = (r"((?<=[^A-Za-z0-9])|^)", r"((?=[^A-Za-z0-9])|$)")
MASKS = [
    (r"([0-9a-f]{2,}:){3,}([0-9a-f]{2,})", "ID"),
    (r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}", "IP"),
    (r"([0-9a-f]{6,} ?){3,}", "SEQ"),
    (r"([0-9A-F]{4} ?){4,}", "SEQ"),
    (r"0x[a-f0-9A-F]+", "HEX"),
    (r"[\-\+]?\d+", "NUM"),
]
"""Source: README of Drain3 0.9.11, section Masking (drain3.ini)."""


def main(file: Path) -> None:
    logging.disable(logging.CRITICAL)
    sets = json.loads(file.read_text())
    config = TemplateMinerConfig()
    config.masking_instructions = [
        MaskingInstruction(f"{_EDGES[0]}({pattern}){_EDGES[1]}", name) for pattern, name in MASKS
    ]
    config.masking_instructions.append(MaskingInstruction(r'(?<=executed cmd )(".+?")', "CMD"))
    started = time.process_time()
    for messages in sets:
        miner = TemplateMiner(config=config)
        for message in messages:
            miner.add_log_message(message)
    print(json.dumps({"lines_per_s": sum(map(len, sets)) / (time.process_time() - started)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
