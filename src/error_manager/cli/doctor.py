"""``error-manager doctor``: checks the installation and says how to mend it."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from error_manager.cli.options import add_settings_options, settings_of
from error_manager.runtime.diagnosis import Verdict, diagnose

_SIGNS: Final = {
    Verdict.GOOD: ("✓", "ok"),
    Verdict.WARNING: ("!", "warning"),
    Verdict.BAD: ("✗", "wrong"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_settings_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print one line for each check; exit code 1 when something is wrong."""
    settings = settings_of(args)
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    verdicts = []
    for finding in diagnose(settings):
        verdicts.append(finding.verdict)
        sign, word = _SIGNS[finding.verdict]
        print(f"{sign if is_unicode else word:<2} {finding.name:<22} {finding.text}", flush=True)
        if finding.remedy:
            print(f"   {'':<22} -> {finding.remedy}", flush=True)
    bad = verdicts.count(Verdict.BAD)
    print("Everything is in order." if not bad else f"{bad} to mend.")
    return 1 if bad else 0
