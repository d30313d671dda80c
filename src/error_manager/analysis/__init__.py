"""Numbers in, findings out: pure functions on plain values (seed box: Analysis Engine)."""
