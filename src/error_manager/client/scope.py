"""Context that is added to every error of the current thread or task: ``bind`` and ``add_context``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from contextvars import ContextVar, Token
from functools import wraps
from types import TracebackType
from typing import Any, Final, ParamSpec, TypeVar

from error_manager.client.marks import add_context_to

P = ParamSpec("P")
R = TypeVar("R")

_EMPTY: Final[Mapping[str, object]] = {}
_context: ContextVar[Mapping[str, object]] = ContextVar("error_manager_context", default=_EMPTY)
_open: ContextVar[tuple[Token[Mapping[str, object]], ...]] = ContextVar("error_manager_open", default=())
_MERGED: Final = frozenset({"user", "tags", "contexts"})
_CO_COROUTINE: Final = 0x80
"""``inspect.CO_COROUTINE`` (Python Library Reference, "Code Objects Bit Flags"); the import takes 6 ms."""


def current_context() -> Mapping[str, object]:
    """Return what is bound in this thread or task."""
    return _context.get()


def merge(outer: Mapping[str, object], inner: Mapping[str, object]) -> dict[str, object]:
    """Return both as one: inner values win; ``user``, ``tags``, ``contexts`` are joined key by key."""
    merged = {**outer, **inner}
    for name in _MERGED & outer.keys() & inner.keys():
        below, above = outer[name], inner[name]
        if isinstance(below, Mapping) and isinstance(above, Mapping):
            merged[name] = {**below, **above}
    return merged


class Binding:
    """Context that was bound by ``bind``; as a context manager it ends with the block.

    An exception that leaves the block takes the context along and is re-raised.
    """

    __slots__ = ("_added", "_token")

    def __init__(self, added: Mapping[str, object]) -> None:
        self._added = added
        self._token: Token[Mapping[str, object]] | None = _context.set(merge(_context.get(), added))

    def __enter__(self) -> Binding:  # noqa: PYI034  # Self would promise more than a subclass keeps
        """Return the binding, which is already in force."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the binding; keep its context with an exception on its way out."""
        token, self._token = self._token, None
        if token is not None:
            _reset(token)
        _attach(exc, self._added)


class ContextAdder:
    """Decorator and context manager of ``add_context``, for any number of threads and tasks at once."""

    __slots__ = ("_added",)

    def __init__(self, added: Mapping[str, object]) -> None:
        self._added = added

    def __enter__(self) -> ContextAdder:  # noqa: PYI034  # as above
        """Bind the context."""
        token = _context.set(merge(_context.get(), self._added))
        _open.set((*_open.get(), token))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the binding; keep its context with an exception on its way out."""
        tokens = _open.get()
        if tokens:
            _open.set(tokens[:-1])
            _reset(tokens[-1])
        _attach(exc, self._added)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return the function, plain or ``async``, with the context bound while it runs."""
        code = getattr(function, "__code__", None)
        if code is not None and code.co_flags & _CO_COROUTINE:
            return self._wrap_coroutine(function)  # type: ignore[return-value,arg-type]  # R is a coroutine here

        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            with Binding(self._added):
                return function(*args, **kwargs)

        return run

    def _wrap_coroutine(
        self, function: Callable[P, Coroutine[Any, Any, object]]
    ) -> Callable[P, Coroutine[Any, Any, object]]:
        @wraps(function)
        async def run(*args: P.args, **kwargs: P.kwargs) -> object:
            with Binding(self._added):
                return await function(*args, **kwargs)

        return run


def _attach(exc: BaseException | None, added: Mapping[str, object]) -> None:
    if exc is not None:
        add_context_to(exc, added)


def _reset(token: Token[Mapping[str, object]]) -> None:
    try:
        _context.reset(token)
    except (ValueError, RuntimeError):
        # The block was left in another context than it was entered in (a generator closed by another task):
        # that context never had the binding.
        return


def bind(**context: object) -> Binding:
    """Add context to every error of this thread or task, with ``with`` until the end of the block.

    Args:
        context: ``user`` (mapping: id, email, username, ip_address, more), ``tags`` (mapping), ``contexts``
            (mapping of mappings), ``transaction``, ``module``, ``error_code``, ``manager_context``,
            ``severity`` and ``fingerprint`` fill the fields named so; any other name becomes extra data.
    """
    return Binding(context)


def add_context(**context: object) -> ContextAdder:
    """Return a decorator and context manager that adds context to errors inside, and re-raises them.

    Args:
        context: as for ``bind``.
    """
    return ContextAdder(context)
