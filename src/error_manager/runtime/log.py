"""The server's own logs: JSON lines on stderr, which end up in DIR/logs (seed box: Logger)."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import sys
from pathlib import Path

import structlog


class _Log(io.TextIOBase):
    """A stream that loses lines rather than fail: a full disk must not end the process that reports it."""

    def write(self, text: str, /) -> int:
        """Write to stderr if that is possible."""
        with contextlib.suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush stderr if that is possible."""
        with contextlib.suppress(OSError):
            sys.stderr.flush()


def configure_logging(level: str) -> None:
    """Write events of ``level`` (debug, info, warning, error) and above as JSON lines; libraries' logs too.

    Libraries speak from warning on, whatever our level is.
    """
    log = _Log()
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=log),  # type: ignore[arg-type]  # it writes and flushes, no more
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(log)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def rotate(folder: Path, *, limit_bytes: int) -> tuple[Path, ...]:
    """Move the content of each log over the limit to ``NAME.log.1`` and empty it; return those that were.

    The writers hold the files open for appending: they go on at the new end by themselves.
    """
    rotated = []
    for path in sorted(folder.glob("*.log")):
        if path.stat().st_size > limit_bytes:
            shutil.copyfile(path, path.with_name(path.name + ".1"))
            path.with_name(path.name + ".1").chmod(0o600)
            with path.open("r+b") as file:
                file.truncate(0)
            rotated.append(path)
    return tuple(rotated)
