"""The client as its users type it. Checked by mypy --strict, never run.

A line marked ``type: ignore`` is a misuse that the types must refuse: if one stops being an error, mypy says
that the mark is not needed, and the test fails.
"""

from __future__ import annotations

import error_manager


def use() -> None:
    error_manager.init("http://key@127.0.0.1:8000/1")
    error_manager.init("http://key@127.0.0.1:8000/1", release="1.0", environment="production")
    error_manager.capture_message("payment refused")
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError as error:
        error_manager.capture_exception(error)
        error_manager.capture_exception()
    with error_manager.bind(order="17"):
        error_manager.flush()


def misuse() -> None:
    error_manager.init(42)  # type: ignore[arg-type]
    error_manager.capture_message(42)  # type: ignore[arg-type]
    error_manager.capture_exception("text")  # type: ignore[arg-type]
