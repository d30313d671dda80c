"""Figures, live stream and view models of the pages; pure."""
