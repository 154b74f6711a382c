"""Rounds and converts numbers for browsers. Pure.

Called by the other views. NaN stays NaN here; msgspec writes it as null.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from monty_mqtt_liveview.state.columns import Array

__all__ = ["Json", "millis", "rounded", "short"]

Json = dict[str, Any]

_DIGITS = 5
_NANOS_PER_MILLI = 1_000_000


def millis(unix_nanos: int | None) -> int | None:
    """Convert nanoseconds since 1970 to milliseconds; None or 0 become None."""
    return unix_nanos // _NANOS_PER_MILLI if unix_nanos else None


def short(value: float | None) -> float | None:
    """Round a number to five digits after the point."""
    return None if value is None else round(value, _DIGITS)


def rounded(values: Array) -> list[Any]:
    """Round an array to five digits after the point; return it as nested lists."""
    lists: list[Any] = np.round(values.astype(np.float64), _DIGITS).tolist()
    return lists
