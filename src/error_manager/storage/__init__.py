"""Where things are kept: protocols in base, one adapter per technology, a memory twin of each."""
