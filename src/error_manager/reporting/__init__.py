"""From findings to report documents; pure."""
