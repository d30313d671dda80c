"""Where the server listens and is asked."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from error_manager.runtime.network import numeric_host
from error_manager.runtime.settings import ServerSettings


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::"])  # not bound
def test_numbers_stay(host):
    """An address is listened on as it is."""
    assert numeric_host(ServerSettings(host=host)) == host


def test_a_name_becomes_an_address():
    """The HTTP server takes numbers only: with a name it ended at once."""
    assert ip_address(numeric_host(ServerSettings(host="localhost"))).is_loopback
