"""The version of the product and what pip installs, the one place that says them."""

from __future__ import annotations

VERSION = "0.1.0"
PACKAGE = "./error-manager"
"""A checkout beside the caller: no release is published, and the name on PyPI is another project's."""
