"""Processes: settings, supervisor, and what each process runs."""
