"""Which rows of a long course to draw. Pure.

Place in the flow: `rows` asks which; a chart that is a thousand points wide need not hold a hundred thousand.
"""

from __future__ import annotations

import numpy as np

from monty_mqtt_liveview.columns import Array
from monty_mqtt_liveview.steps import StepTable

__all__ = ["choose"]


def choose(table: StepTable, first: int, last: int, points: int) -> Array:
    """Return at most `points` rows from `first` to `last`, both among them."""
    last = min(last, table.count - 1)
    count = last - first + 1
    if count <= points:
        return np.arange(first, max(last + 1, first))
    return np.unique(np.linspace(first, last, points).astype(np.int64))
