"""This module converts any Python value to a plain JSON value. Pure.

Called by `user_calls`, `outbox`, `log_handlers`, `process_info` and `config_masking`, so that no value of a user can
stop an experiment or make an invalid message.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import decimal
import enum
import math
import numbers
import os
import uuid
from collections import deque
from collections.abc import Mapping, ValuesView
from collections.abc import Set as AbstractSet
from typing import Any, Callable, Dict, FrozenSet, List, Tuple

import msgspec

__all__ = ["CYCLE", "TOO_DEEP", "plain"]

CYCLE = "<cycle>"
"""The text that replaces a value which contains itself."""

TOO_DEEP = "<deeper than 64 levels>"
_DEEPEST = 64
"""Deepest nesting that is kept, because JSON readers have limits; Python's own is 1000 calls."""

_SMALLEST_INT = -(2**63)
_LARGEST_INT = 2**64 - 1
"""The range that msgspec encodes as an integer; numbers outside become floats."""

_LONGEST_REPR = 500


def plain(value: Any) -> Tuple[Any, int]:
    r"""Return `value` as dict, list, str, int, float, bool and None, and how many NaN or infinite numbers became None.

    numpy and torch arrays and scalars (anything with `tolist`) become lists and numbers; sets become sorted lists;
    integers beyond 64 bits become floats; lone surrogates become their escapes (`\udc80`); mapping keys become text;
    bytes become base64; dataclasses, Structs and named tuples become mappings; anything else its `repr`, cut at 500
    characters. Neither raises nor calls anything that changes the value.
    """
    kind = type(value)
    if kind is float:
        return (value, 0) if math.isfinite(value) else (None, 1)
    if kind is bool or value is None:
        return value, 0
    walk = _Walk()
    return walk.plain(value, frozenset(), 0), walk.non_finite


class _Walk:
    """_Walk is one call of `plain`: it counts on the way down; `path` holds the ids of the containers above."""

    def __init__(self) -> None:
        self.non_finite = 0

    def plain(self, value: Any, path: FrozenSet[int], depth: int) -> Any:
        try:
            exact = _EXACT.get(type(value))
            if exact is not None:
                return exact(self, value, path, depth)
            for kind, convert in _BY_KIND:
                if isinstance(value, kind):
                    return convert(self, value, path, depth)
            return self.unknown(value, path, depth)
        except Exception:  # noqa: BLE001 - a user's object may raise anything from any method
            return _shown(value)

    def same(self, value: Any, _path: FrozenSet[int], _depth: int) -> Any:
        return value

    def integer(self, value: Any, path: FrozenSet[int], depth: int) -> Any:
        whole = int(value)
        if _SMALLEST_INT <= whole <= _LARGEST_INT:
            return whole
        try:
            return self.real(whole, path, depth)
        except OverflowError:
            return hex(whole)  # decimal digits of a number this long take quadratic time, and Python may refuse

    def real(self, value: Any, _path: FrozenSet[int], _depth: int) -> Any:
        number = float(value)
        if math.isfinite(number):
            return number
        self.non_finite += 1
        return None

    def complex(self, value: Any, path: FrozenSet[int], depth: int) -> Any:
        return [self.real(value.real, path, depth), self.real(value.imag, path, depth)]

    def text(self, value: Any, _path: FrozenSet[int], _depth: int) -> str:
        return _text(value)

    def binary(self, value: Any, _path: FrozenSet[int], _depth: int) -> str:
        return base64.b64encode(value).decode()

    def enumeration(self, value: Any, path: FrozenSet[int], depth: int) -> Any:
        return self.plain(value.value, path, depth)

    def mapping(self, value: Any, path: FrozenSet[int], depth: int) -> Any:
        below = self.enter(value, path, depth)
        if isinstance(below, str):
            return below
        return {self.key(key): self.plain(item, below, depth + 1) for key, item in list(value.items())}

    def sequence(self, value: Any, path: FrozenSet[int], depth: int) -> Any:
        below = self.enter(value, path, depth)
        if isinstance(below, str):
            return below
        return [self.plain(item, below, depth + 1) for item in list(value)]

    def named_tuple(self, value: Any, path: FrozenSet[int], depth: int) -> Any:
        names = getattr(type(value), "_fields", None)
        return self.sequence(value, path, depth) if names is None else self.mapping(value._asdict(), path, depth)

    def set(self, value: Any, path: FrozenSet[int], depth: int) -> Any:
        items = self.sequence(value, path, depth)
        return items if isinstance(items, str) else sorted(items, key=_sort_key)

    def struct(self, value: Any, path: FrozenSet[int], depth: int) -> Any:
        return self.fields(value, type(value).__struct_fields__, path, depth)

    def fields(self, value: Any, names: Any, path: FrozenSet[int], depth: int) -> Any:
        below = self.enter(value, path, depth)
        if isinstance(below, str):
            return below
        return {name: self.plain(getattr(value, name), below, depth + 1) for name in names}

    def unknown(self, value: Any, path: FrozenSet[int], depth: int) -> Any:
        """Convert by the methods of the type, not by its name: numpy and torch are never imported."""
        kind = type(value)
        if isinstance(value, type):
            return f"{kind.__module__}.{value.__qualname__}" if kind is not type else _text(_dotted(value))
        if callable(getattr(kind, "tolist", None)):
            return self.listed(value, path, depth)
        if dataclasses.is_dataclass(value):
            return self.fields(value, [field.name for field in dataclasses.fields(value)], path, depth)
        if callable(getattr(kind, "item", None)):
            return self.plain(value.item(), path, depth + 1)
        return _shown(value)

    def listed(self, value: Any, path: FrozenSet[int], depth: int) -> Any:
        below = self.enter(value, path, depth)
        if isinstance(below, str):
            return below
        listed = value.tolist()
        return _shown(value) if type(listed) is type(value) else self.plain(listed, below, depth + 1)

    def key(self, key: Any) -> str:
        if isinstance(key, str):
            return _text(key)
        if isinstance(key, float):
            return repr(float(key))
        kept = self.plain(key, frozenset(), 0)
        if kept is None or isinstance(kept, bool):
            return {None: "null", True: "true", False: "false"}[kept]
        if isinstance(kept, (list, dict)):
            return _shown(key)
        return str(kept)

    def enter(self, value: Any, path: FrozenSet[int], depth: int) -> Any:
        """Return the path below a container, or the text that replaces the container."""
        if id(value) in path:
            return CYCLE
        return TOO_DEEP if depth >= _DEEPEST else path | {id(value)}


def _text(value: str) -> str:
    text = str(value)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _dotted(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _shown(value: Any) -> str:
    try:
        return _text(repr(value)[:_LONGEST_REPR])
    except Exception:  # noqa: BLE001 - __repr__ is a user's code, too
        return f"<{_dotted(type(value))}>"


def _sort_key(item: Any) -> Tuple[str, Any, str]:
    number = isinstance(item, (int, float))
    return ("" if number else type(item).__name__, item if number else 0, repr(item))


def _iso(_walk: _Walk, value: Any, _path: FrozenSet[int], _depth: int) -> str:
    return str(value.isoformat())


def _seconds(_walk: _Walk, value: Any, _path: FrozenSet[int], _depth: int) -> float:
    return float(value.total_seconds())


def _str(_walk: _Walk, value: Any, _path: FrozenSet[int], _depth: int) -> str:
    return _text(str(value))


def _path(_walk: _Walk, value: Any, _path: FrozenSet[int], _depth: int) -> str:
    return _text(os.fsdecode(value))


_Convert = Callable[[_Walk, Any, FrozenSet[int], int], Any]

_EXACT: Dict[type, _Convert] = {
    type(None): _Walk.same,
    bool: _Walk.same,
    int: _Walk.integer,
    float: _Walk.real,
    str: _Walk.text,
    list: _Walk.sequence,
    dict: _Walk.mapping,
    tuple: _Walk.sequence,
}

_BY_KIND: List[Tuple[Any, _Convert]] = [
    (enum.Enum, _Walk.enumeration),
    (str, _Walk.text),
    (int, _Walk.integer),
    (float, _Walk.real),
    (numbers.Integral, _Walk.integer),
    ((numbers.Real, decimal.Decimal), _Walk.real),
    (numbers.Complex, _Walk.complex),
    ((bytes, bytearray, memoryview), _Walk.binary),
    (Mapping, _Walk.mapping),
    (tuple, _Walk.named_tuple),
    ((list, deque, range, ValuesView), _Walk.sequence),
    (AbstractSet, _Walk.set),
    (msgspec.Struct, _Walk.struct),
    ((dt.date, dt.time), _iso),
    (dt.timedelta, _seconds),
    (uuid.UUID, _str),
    (os.PathLike, _path),
]
"""The order matters: an IntEnum is an int, numpy's float64 a float, a named tuple a tuple."""
