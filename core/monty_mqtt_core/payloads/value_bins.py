"""This module counts the values of a histogram in bins. Pure.

Called by `to_mqtt`, in the bridge, because the experiment's process has no numpy of ours.
"""

from __future__ import annotations

import msgspec
import numpy as np

from monty_mqtt.wire import schema

__all__ = ["counted"]

_BINS = 64
_FARTHEST = 1e300
"""Twice that is still a number, so the range between two such values is one."""

_NARROWEST = 1e-9
"""Share of the values that a range must have to be divided into bins of which each is a number of its own."""

_SMALLEST = 1e-290
"""What is smaller has fewer digits, and counts as 0 here."""


def counted(histogram: schema.Histogram, buffer: bytes) -> schema.Histogram:
    """Return a histogram with the counts of the values in its buffer, float64."""
    values = np.frombuffer(buffer, "<f8")
    kept = values[np.abs(values) <= _FARTHEST]
    left_out = int(values.size - kept.size)
    if not kept.size:
        return msgspec.structs.replace(histogram, values=0, non_finite=left_out)
    counts, edges = np.histogram(kept, _BINS, _range(float(kept.min()), float(kept.max())))
    return msgspec.structs.replace(
        histogram,
        counts=counts.astype(float).tolist(),
        edges=edges.tolist(),
        values=int(kept.size),
        non_finite=left_out,
    )


def _range(low: float, high: float) -> tuple[float, float]:
    """Return the range of the bins; values that are all alike have a range around them."""
    size = max(abs(low), abs(high))
    if high - low > max(size * _NARROWEST, _SMALLEST):
        return low, high
    margin = size * 1e-6 if size > _SMALLEST else 0.5
    return low - margin, high + margin
