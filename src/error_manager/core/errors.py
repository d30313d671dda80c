"""Every exception of the product (design: adapters translate foreign exceptions once, at their edge).

ErrorManagerError
    ConfigurationError          settings or the data folder are wrong; start is refused
    DataFolderError             the data folder cannot be used (locked, foreign, unreadable)
    MissingExtraError           a command needs an extra that is not installed
    SealError                   a sealed value cannot be opened (wrong key, changed bytes)
    TemplateSnapshotError       the bytes are no snapshot of log templates
    RequestError                what a client sent is refused; carries status, code and reason
        AuthenticationError     no key, or an unknown one
        AuthorizationError      the key may not do this
        NotFoundError           no such thing (or not for this caller)
        ConflictError           something newer stands in the way
        PayloadTooLargeError    over a cap on bytes or counts
        MalformedPayloadError   cannot be read at all
        UnsupportedEncodingError  content encoding unknown
        ValidationError         fields are wrong; carries every FieldError
        RateLimitedError        over quota or overloaded; carries the seconds to wait
        SlowRequestError        the body did not arrive in time
    StorageError                the database refused or is away
        StorageUnavailableError the database is away; try again
            NotRunningError     it comes with the server, which does not run
            StorageBusyError    the database answers; what was asked of it met a lock or took too long
        PoisonBatchError        the database refuses the data of a batch
        StaleCursorError        another worker has committed these records
        IndexUnavailableError   the index of similar errors is away or refused; answers go without it
    InboxFullError              no room to accept more
    InboxCorruptError           a segment or record of the inbox cannot be read
"""

from __future__ import annotations

from collections.abc import Sequence

from error_manager.core.types import FieldError
from error_manager.core.version import PACKAGE


class ErrorManagerError(Exception):
    """Something in Error Manager went wrong."""

    code = "internal"

    def __init__(self, message: str = "") -> None:
        """Set the message; the class docstring is the default."""
        super().__init__(message or (self.__doc__ or "").strip().splitlines()[0])


class ConfigurationError(ErrorManagerError):
    """The configuration is wrong."""

    code = "configuration"

    def __init__(self, problems: Sequence[str]) -> None:
        """Keep every problem found; all are reported at once."""
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class DataFolderError(ErrorManagerError):
    """The data folder cannot be used."""

    code = "data_folder"


class MissingExtraError(ErrorManagerError):
    """A part of Error Manager is not installed."""

    code = "missing_extra"

    def __init__(self, command: str, *, package: str, extra: str) -> None:
        """Name the command, the package it misses and the pip command that brings the package."""
        super().__init__(
            f"`error-manager {command}` needs {package}, which is not installed. "
            f"In a checkout `make setup` installs it; beside one: pip install '{PACKAGE}[{extra}]'"
        )


class SealError(ErrorManagerError):
    """The sealed value cannot be opened with this key."""

    code = "seal"


class TemplateSnapshotError(ErrorManagerError):
    """The bytes are no snapshot of log templates."""

    code = "template_snapshot"


class RequestError(ErrorManagerError):
    """The request is refused."""

    code = "request"
    status = 400
    reason = "request"


class AuthenticationError(RequestError):
    """No valid key was given. Use the DSN of the project, or an API key as Bearer token."""

    code = "unauthenticated"
    status = 401
    reason = "key"


class AuthorizationError(RequestError):
    """This key may not do this."""

    code = "forbidden"
    status = 403
    reason = "key"


class NotFoundError(RequestError):
    """There is no such thing."""

    code = "not_found"
    status = 404
    reason = "not_found"


class ConflictError(RequestError):
    """Something newer stands in the way."""

    code = "conflict"
    status = 409
    reason = "conflict"


class PayloadTooLargeError(RequestError):
    """The payload is too large."""

    code = "too_large"
    status = 413
    reason = "too_large"


class MalformedPayloadError(RequestError):
    """The payload cannot be read."""

    code = "malformed"
    status = 400
    reason = "malformed"


class UnsupportedEncodingError(RequestError):
    """The content encoding is not supported. Use gzip, deflate, br, zstd or none."""

    code = "unsupported_encoding"
    status = 415
    reason = "encoding"


class ValidationError(RequestError):
    """Fields are wrong."""

    code = "invalid_fields"
    status = 422
    reason = "fields"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        """Keep every wrong field, not only the first."""
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{error.path}: {error.message}" for error in self.errors))


class RateLimitedError(RequestError):
    """Over the limit; try again later."""

    code = "rate_limited"
    status = 429
    reason = "quota"

    def __init__(self, retry_after_s: int, *, scope: str = "key", reason: str = "quota") -> None:
        """Keep the whole seconds to wait (>= 1), the scope (key, project, organization) and the reason."""
        self.retry_after_s = max(1, retry_after_s)
        self.scope = scope
        self.reason = reason
        super().__init__(f"Over the limit ({reason}); try again in {self.retry_after_s} s.")


class SlowRequestError(RequestError):
    """The body did not arrive in time."""

    code = "slow_body"
    status = 408
    reason = "slow_body"


class StorageError(ErrorManagerError):
    """The database refused."""

    code = "storage"


class StorageUnavailableError(StorageError):
    """The database is away."""

    code = "storage_unavailable"


class NotRunningError(StorageUnavailableError):
    """Error Manager does not run on this data folder."""

    code = "not_running"


class StorageBusyError(StorageUnavailableError):
    """The database has no room for this statement now."""

    code = "storage_busy"


class PoisonBatchError(StorageError):
    """The database refuses the data of a batch."""

    code = "poison_batch"


class StaleCursorError(StorageError):
    """Another worker has committed these records."""

    code = "stale_cursor"


class IndexUnavailableError(StorageError):
    """The index of similar errors is away."""

    code = "index_unavailable"


class InboxFullError(ErrorManagerError):
    """The inbox has no room."""

    code = "inbox_full"


class InboxCorruptError(ErrorManagerError):
    """A segment of the inbox cannot be read."""

    code = "inbox_corrupt"
