"""Numbers as browsers are given them. Pure.

Place in the flow: views use these. NaN stays here, and is null in the JSON that msgspec makes.
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
    """Return a time in milliseconds; None for no time."""
    return unix_nanos // _NANOS_PER_MILLI if unix_nanos else None


def short(value: float | None) -> float | None:
    """Return a number short enough to read."""
    return None if value is None else round(value, _DIGITS)


def rounded(values: Array) -> list[Any]:
    """Return numbers short enough to read."""
    found: list[Any] = np.round(values.astype(np.float64), _DIGITS).tolist()
    return found
