"""What all tests share: hermetic environment, asyncio, free ports, and programs that may be absent."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from typing import Final, Protocol

import hypothesis
import pytest

# The suite runs on busy machines: a slow example is no failure. What fails prints how to run it again.
hypothesis.settings.register_profile(
    "suite",
    deadline=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("suite")

REQUIRE_ALL: Final = os.environ.get("TESTS_REQUIRE_ALL") == "1"
"""Set by .ci/run: a test that would be skipped because a program is absent fails instead."""

for _name in [name for name in os.environ if name.startswith("ERROR_MANAGER_")]:
    del os.environ[_name]  # the developer's own settings must not reach the tests


class Require(Protocol):
    """Return where a program is; without it skip the test, or fail it in CI."""

    def __call__(self, program: str, how_to_enable: str, *, is_present: bool | None = None) -> str:
        """Return the path of ``program``.

        Args:
            program: name on the PATH, or any words for what is needed when ``is_present`` is given.
            how_to_enable: what to do so that the test runs, as an imperative sentence.
            is_present: the caller's own finding, for what is not a program on the PATH.
        """
        ...


@pytest.fixture(scope="session")
def require() -> Require:
    """Return the function that skips a test, naming how to enable it, or fails it in CI."""

    def find(program: str, how_to_enable: str, *, is_present: bool | None = None) -> str:
        path = shutil.which(program) or ""
        if bool(path) if is_present is None else is_present:
            return path
        message = f"{program} is not here. To enable this test: {how_to_enable}"
        if REQUIRE_ALL:
            pytest.fail(message, pytrace=False)
        pytest.skip(message)

    return find


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on."""
    return _free_port()


@pytest.fixture(scope="session")
def find_free_port() -> Callable[[], int]:
    """Return a function for tests and wider fixtures that need more than one free port."""
    return _free_port


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run async tests and fixtures on asyncio (anyio's pytest plugin in auto mode; no marks needed)."""
    return "asyncio"
