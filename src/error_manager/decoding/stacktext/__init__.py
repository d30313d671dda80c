"""Stacks that came as text: one parser for each family of languages, ``reader`` chooses; pure."""
