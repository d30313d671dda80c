"""What ``regroup`` prints: a sentence, tables of merges and splits, what moves."""

from __future__ import annotations

import argparse
import io

import pytest
from rich.console import Console

from error_manager.cli.regroup import configure, run, show
from error_manager.core.errors import ConfigurationError
from error_manager.core.types import ProjectId
from error_manager.flows.rules import Comparison, ShownChange, ShownPart
from error_manager.storage.base import Project

PROJECT = Project(id=ProjectId(1), name="Shop", slug="shop")


def part(number: int | None, title: str, count: int) -> ShownPart:
    """Return a part of a change."""
    return ShownPart(pattern_id=number, title=title, message="", parts=(), count=count)


def printed(*, is_dry: bool, moved: int) -> str:
    """Return what is printed of a comparison with a merge and a split."""
    console = Console(file=io.StringIO(), width=100)
    shown = Comparison(
        errors=1000,
        changed=30,
        moved=12,
        follow=2,
        stays=4,
        merged=2,
        split=1,
        merges=(
            ShownChange(whole=part(3, "KeyError", 20), parts=(part(3, "KeyError", 12), part(4, "Other", 8))),
        ),
        splits=(ShownChange(whole=part(5, "Slow", 10), parts=(part(5, "Slow", 6), part(None, "New", 4))),),
        sentence="Of the last 1,000 errors this would group 30 anew.",
    )
    show(console, PROJECT, shown, moved, is_dry=is_dry)
    return console.file.getvalue()


def test_a_dry_run_says_what_would_change():
    """Patterns by number and title with counts; new ones are called new."""
    text = printed(is_dry=True, moved=0)
    for wanted in (
        "Shop: Of the last",
        "#3 KeyError",
        "8 #4 Other",
        "#5 Slow",
        "4 new: New",
        "4 errors stay",
    ):
        assert wanted in text, wanted
    assert "2 groups would move" in text


def test_a_real_run_says_what_moved():
    """The number of groups, and no advice to run it."""
    text = printed(is_dry=False, moved=2)
    assert "2 groups moved" in text
    assert "--dry-run" not in text


def test_wrong_numbers_are_refused():
    """At least one error must be looked at."""
    parser = argparse.ArgumentParser()
    configure(parser)
    args = parser.parse_args(["--dry-run", "--last", "0"])
    assert (args.dry_run, args.fingerprint_version, args.project) == (True, 1, None)
    with pytest.raises(ConfigurationError):
        run(args)
