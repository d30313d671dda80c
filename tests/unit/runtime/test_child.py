"""The pause between two starts of a process."""

from __future__ import annotations

from error_manager.runtime.child import Backoff


def test_the_pause_doubles_up_to_five_seconds():
    """0.1 s, 0.2 s, ... and never more than 5 s."""
    backoff = Backoff()
    pauses = [round(backoff.next_pause_s(lived_s=0.0), 3) for _ in range(8)]
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_a_healthy_run_makes_the_pause_short_again():
    """A process that lived for ten seconds starts from the shortest pause."""
    backoff = Backoff()
    for _ in range(5):
        backoff.next_pause_s(lived_s=0.0)
    assert backoff.next_pause_s(lived_s=10.0) == 0.1
