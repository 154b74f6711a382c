"""This module turns the numbers that a user publishes into raw buffers and lists. Pure.

Called by `media_calls`. It takes arrays of numpy and torch, by their methods, and lists; nothing is imported for it.
"""

from __future__ import annotations

import array
import math
import sys
from typing import Any, List, Tuple

from monty_mqtt.errors import ConfigError
from monty_mqtt.wire.json_values import plain

__all__ = ["colours_of", "finite", "kind_of", "numbers_of", "on_cpu"]

_NAMES = {"f": "<f4", "d": "<f8", "B": "|u1"}

Shape = Tuple[int, ...]


def numbers_of(key: str, values: Any, code: str, most: int) -> Tuple[Shape, bytes]:
    """Return shape and bytes, little endian, of an array, of a list, or of a list of lists.

    Args:
        key: What an error names.
        values: Real numbers.
        code: Kind of number in the bytes: `f` for float32, `d` for float64, `B` for uint8.
        most: Most numbers that are allowed.

    Raises:
        ConfigError: They are no real numbers, too many, or rows of different lengths.
    """
    values = on_cpu(values)
    if not hasattr(values, "dtype"):
        return _listed(key, values, code, most)
    shape = tuple(values.shape)
    if values.dtype.kind not in "fiub":
        raise ConfigError(key, f"an array of {values.dtype}", "an array of real numbers")
    _check_count(key, math.prod(shape), most)
    return shape, values.astype(_NAMES[code]).tobytes()


def colours_of(key: str, values: Any, most: int) -> Tuple[Shape, bytes, str]:
    """Return shape, bytes and format of colours: whole numbers from 0 to 255 are `uint8`, all others `float32`.

    Raises:
        ConfigError: As for `numbers_of`, or a whole number is not 0 to 255.
    """
    values = on_cpu(values)
    is_array = hasattr(values, "dtype")
    is_whole = values.dtype.kind in "iu" if is_array else _lists_whole_numbers(values)
    is_checked = is_array and is_whole and math.prod(values.shape)
    if is_checked and not 0 <= values.min() <= values.max() <= 255:  # noqa: PLR2004
        raise ConfigError(key, f"{values.min()} to {values.max()}", "0 to 255, or floating point numbers 0 to 1")
    return (*numbers_of(key, values, "B" if is_whole else "f", most), "uint8" if is_whole else "float32")


def finite(key: str, values: Any, most: int) -> List[float]:
    """Return an array or a list as a list of finite numbers.

    Raises:
        ConfigError: They are no finite numbers, or too many.
    """
    values = on_cpu(values)
    if not hasattr(values, "__len__"):
        raise ConfigError(key, kind_of(values), "an array or a list of finite numbers")
    _check_count(key, len(values), most)
    kept, _ = plain(values)
    if not isinstance(kept, list):
        raise ConfigError(key, kind_of(values), "an array or a list of finite numbers")
    for number in kept:
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise ConfigError(key, f"{number!r:.100}", "finite numbers")
    return [float(number) for number in kept]


def on_cpu(values: Any) -> Any:
    """Return a torch tensor as a numpy array; anything else as it is."""
    return values.detach().cpu().numpy() if hasattr(values, "detach") else values


def kind_of(value: Any) -> str:
    """Return the dotted name of a value's type."""
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _lists_whole_numbers(values: Any) -> bool:
    rows = [row for row in values if isinstance(row, (list, tuple))] if isinstance(values, (list, tuple)) else None
    return rows is not None and all(isinstance(number, int) for row in rows for number in row)


def _listed(key: str, values: Any, code: str, most: int) -> Tuple[Shape, bytes]:
    if not isinstance(values, (list, tuple)):
        raise ConfigError(key, kind_of(values), "an array or a list of real numbers")
    is_nested = bool(values) and isinstance(values[0], (list, tuple))
    rows = values if is_nested else [values]
    width = len(rows[0])
    _check_count(key, len(rows) * width, most)
    packed = array.array(code)
    for row in rows:
        packed.extend(_packed(key, row, width, code))
    if sys.byteorder == "big":
        packed.byteswap()
    return (len(values), width) if is_nested else (width,), packed.tobytes()


def _packed(key: str, row: Any, width: int, code: str) -> array.array[Any]:
    if not isinstance(row, (list, tuple)) or len(row) != width:
        found = f"{len(row)}" if isinstance(row, (list, tuple)) else kind_of(row)
        raise ConfigError(key, f"a row of {found} beside one of {width}", "of one length in all rows")
    try:
        return array.array(code, row)
    except (TypeError, OverflowError) as error:
        raise ConfigError(key, str(error), "real numbers, colours 0 to 255 or 0.0 to 1.0") from None


def _check_count(key: str, count: int, most: int) -> None:
    if count > most:
        raise ConfigError(key, f"{count} numbers", f"at most {most} numbers")
