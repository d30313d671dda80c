"""Bounded copies of values that will change: locals and bound context (seed box: Error Wrapper).

No method of the application is called: containers are read with the methods of the built-in type below them,
instances by their attribute dictionary; anything else is shown by its type. So a slow, recursive, or
database-reading ``__repr__`` costs nothing. Texts and numbers are kept; ``describe`` writes them out later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from math import isfinite
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Final

from error_manager.core.limits import MAX_INTEGER, MIN_INTEGER, cut_text

MAX_LOCALS: Final = 20
"""Locals kept per frame."""
MAX_ITEMS: Final = 10
"""Members kept of one container."""
MAX_DEPTH: Final = 3
"""Containers inside each other that are opened."""
MAX_CHARS: Final = 1_024
"""Characters kept of one text, so that a secret is seen whole when it is masked; shown are fewer."""
_MAX_KEY_CHARS: Final = 100
_MAX_INTEGER_BITS: Final = 1_024
_MAX_SCANNED: Final = 200


class Described(str):
    """A text that stands for a value, as opposed to a value that is a text (which is shown quoted)."""

    __slots__ = ()


class Budget:
    """How many more values may be copied."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


def freeze_locals(
    names: Mapping[str, object], budget: Budget, *, is_module: bool = False
) -> dict[str, object]:
    """Return bounded copies of the locals of a frame, at most ``MAX_LOCALS``.

    Args:
        names: the frame's ``f_locals``.
        budget: is lowered by each value copied.
        is_module: whether they are the globals of a module; functions, classes and imports are left out then.
    """
    out: dict[str, object] = {}
    try:
        for name, value in list(islice(names.items(), _MAX_SCANNED if is_module else MAX_LOCALS)):
            if is_module and (name[:2] == "__" or len(out) >= MAX_LOCALS):
                continue
            kind = type(value)
            if kind in _LEAVES or (kind is str and len(value) <= MAX_CHARS):  # type: ignore[arg-type]  # is a str
                out[name] = value
            elif not is_module or kind not in _CODE:
                out[name] = freeze(value, budget, 0)
        budget.left -= len(out)
    except Exception:  # noqa: BLE001  # a namespace of the application (exec, class body); the frame stays
        return out
    return out


def freeze(value: object, budget: Budget, depth: int = 0) -> object:
    """Return a bounded copy of a value that shares nothing mutable with it.

    Args:
        value: anything.
        budget: is lowered by the members of each container copied.
        depth: containers around this value.

    Returns:
        None, bool, int, float, str, bytes, or dict and list of these, or ``Described``.
    """
    kind = type(value)
    if kind in _LEAVES:
        return value
    reader = _READERS.get(kind)
    try:
        if reader is not None:
            return reader(value, budget, depth)
        return _freeze_other(value, budget, depth)
    except Exception:  # noqa: BLE001  # a type that lies about itself; its name is still worth showing
        return Described(f"<{kind.__name__}>")


def describe(value: object, *, max_chars: int = MAX_CHARS) -> object:
    """Return the readable form of a frozen value: texts quoted, containers as dict and list.

    Args:
        value: a result of ``freeze``.
        max_chars: longest text returned for one value, >= 1; longer ones end with an ellipsis.
    """
    if type(value) is dict:
        return {key: describe(member, max_chars=max_chars) for key, member in value.items()}
    if type(value) is list:
        return [describe(member, max_chars=max_chars) for member in value]
    text = _text_of(value)
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"


def _text_of(value: object) -> str:
    if type(value) is Described:
        return str(value)
    if type(value) is int and value.bit_length() > _MAX_INTEGER_BITS:
        # repr of a large integer takes quadratic time and is refused above 4,300 digits.
        return f"<int of {value.bit_length()} bits>"
    return repr(value)


def plain(value: object) -> object:
    """Return a frozen value for JSON as it is: texts unquoted, bytes by their repr."""
    if type(value) is dict:
        return {key: plain(member) for key, member in value.items()}
    if type(value) is list:
        return [plain(member) for member in value]
    if type(value) is Described or type(value) is bytes or _is_no_json_number(value):
        return _text_of(value)
    return value


def cut_texts(value: object, max_chars: int) -> object:
    """Return a described or plain value with each text in it cut to ``max_chars`` (after masking)."""
    if isinstance(value, str):
        return cut_text(value, max_chars)
    if isinstance(value, dict):
        return {key: cut_texts(member, max_chars) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [cut_texts(member, max_chars) for member in value]
    return value


def _is_no_json_number(value: object) -> bool:
    """Return whether JSON readers elsewhere cannot read the number: NaN, infinite, or beyond 64 bits."""
    if type(value) is float:
        return not isfinite(value)
    return type(value) is int and not MIN_INTEGER <= value <= MAX_INTEGER


def _freeze_integer(value: object, _budget: Budget, _depth: int) -> object:
    return int.__index__(value)  # type: ignore[arg-type]  # dispatched by type


def _freeze_text(value: object, _budget: Budget, _depth: int) -> object:
    return str.__getitem__(value, slice(0, MAX_CHARS + 1))  # type: ignore[index]  # dispatched by type


def _freeze_float(value: object, _budget: Budget, _depth: int) -> object:
    return float.__float__(value)  # type: ignore[arg-type]  # dispatched by type


def _freeze_bytes(value: object, _budget: Budget, _depth: int) -> object:
    return bytes.__getitem__(value, slice(0, MAX_CHARS + 1))  # type: ignore[call-overload]  # dispatched


def _freeze_bytearray(value: object, _budget: Budget, _depth: int) -> object:
    return bytes(bytearray.__getitem__(value, slice(0, MAX_CHARS + 1)))  # type: ignore[call-overload]  # dispatched


def _freeze_dict(value: object, budget: Budget, depth: int) -> object:
    size = dict.__len__(value)  # type: ignore[arg-type]  # dispatched by type
    if depth >= MAX_DEPTH or budget.left <= 0:
        return Described(f"<{type(value).__name__} of {size}>")
    # list() of the view is one step: another thread cannot change the dict in between.
    view = dict.items(value)  # type: ignore[var-annotated,arg-type]  # dispatched by type
    pairs = list(view if size <= MAX_ITEMS else islice(view, MAX_ITEMS))
    budget.left -= len(pairs)
    inner = depth + 1
    out: dict[str, object] = {
        (key if type(key) is str and len(key) <= _MAX_KEY_CHARS else _key_name(key)): member
        if (kind := type(member)) in _LEAVES or (kind is str and len(member) <= MAX_CHARS)
        else freeze(member, budget, inner)
        for key, member in pairs
    }
    if size > len(pairs):
        out["…"] = Described(f"<{size - len(pairs)} more>")
    return out


def _key_name(key: object) -> str:
    if type(key) is str:
        return key[:_MAX_KEY_CHARS]
    return str(describe(freeze(key, Budget(5), MAX_DEPTH), max_chars=_MAX_KEY_CHARS))


def _freeze_members(
    iterate: Callable[[object], Iterable[object]], count: Callable[[object], int]
) -> Callable[[object, Budget, int], object]:
    """Return the reader of one built-in kind of list, read by the methods of that kind itself."""

    def read(value: object, budget: Budget, depth: int) -> object:
        size = count(value)
        if depth >= MAX_DEPTH or budget.left <= 0:
            return Described(f"<{type(value).__name__} of {size}>")
        members = list(iterate(value) if size <= MAX_ITEMS else islice(iterate(value), MAX_ITEMS))
        budget.left -= len(members)
        if _LEAVES.issuperset(map(type, members)):
            out = members
        else:
            inner = depth + 1
            out = [freeze(member, budget, inner) for member in members]
        if size > len(members):
            out.append(Described(f"<{size - len(members)} more>"))
        return out

    return read


def _freeze_code(value: object, _budget: Budget, _depth: int) -> object:
    name = getattr(value, "__qualname__", "") or getattr(value, "__name__", "")
    return Described(f"<{type(value).__name__} {name}>"[:_MAX_KEY_CHARS])


def _freeze_other(value: object, budget: Budget, depth: int) -> object:
    """Return the value read as the built-in type it derives from, else its type and attributes."""
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name in _SAFE_NAMES:
        return Described(repr(value)[:MAX_CHARS])
    for base in kind.__mro__:
        reader = _READERS.get(base)
        if reader is not None:
            return reader(value, budget, depth)
    label = Described(f"<{name}>")
    # Attributes of objects inside containers are left out: `self` of each frame is what one looks for.
    if depth or budget.left <= 0:
        return label
    attributes = object.__getattribute__(value, "__dict__") if kind.__dictoffset__ else None
    if type(attributes) is not dict or not attributes:
        return label
    inside = _freeze_dict(attributes, budget, depth + 1)
    return {"": label, **inside} if type(inside) is dict else label


# Immutable: kept as they are.
_LEAVES: Final = frozenset({type(None), bool, int, float})
_READERS: Final[dict[type, Callable[[object, Budget, int], object]]] = {
    int: _freeze_integer,
    str: _freeze_text,
    float: _freeze_float,
    bytes: _freeze_bytes,
    bytearray: _freeze_bytearray,
    dict: _freeze_dict,
    list: _freeze_members(list.__iter__, list.__len__),  # type: ignore[arg-type]  # dispatched by type
    tuple: _freeze_members(tuple.__iter__, tuple.__len__),  # type: ignore[arg-type]  # dispatched by type
    set: _freeze_members(set.__iter__, set.__len__),  # type: ignore[arg-type]  # dispatched by type
    frozenset: _freeze_members(frozenset.__iter__, frozenset.__len__),  # type: ignore[arg-type]  # dispatched
    FunctionType: _freeze_code,
    BuiltinFunctionType: _freeze_code,
    MethodType: _freeze_code,
    ModuleType: _freeze_code,
    type: _freeze_code,
}
_CODE: Final = frozenset({FunctionType, BuiltinFunctionType, MethodType, ModuleType, type})
# Their repr is fast, bounded by what they hold, and says more than the type. Named, so none is imported.
_SAFE_NAMES: Final = frozenset(
    {
        "datetime.date",
        "datetime.datetime",
        "datetime.time",
        "datetime.timedelta",
        "decimal.Decimal",
        "fractions.Fraction",
        "pathlib.PosixPath",
        "pathlib._local.PosixPath",
        "uuid.UUID",
    }
)
