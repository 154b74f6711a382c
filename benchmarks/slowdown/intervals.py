"""This module says how sure a median of a few measurements is. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from scipy.stats import binom

__all__ = ["Estimate", "median_of"]

CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """Estimate is a median, and the interval in which the true median is with a probability of at least 95 %."""

    median: float
    low: float
    high: float


def median_of(values: Sequence[float]) -> Estimate:
    """Return the median with its sign-test interval: it assumes nothing about how the values are spread.

    The interval is from the k-th smallest to the k-th largest value, with the largest k for which the true median lies
    outside with a probability of at most 5 %. Of nine values it leaves out one at each end (96 %); of five or fewer no
    interval reaches 95 %, and it is from the smallest to the largest.
    """
    ordered = sorted(values)
    left_out = max(int(binom.ppf((1 - CONFIDENCE) / 2, len(ordered), 0.5)) - 1, 0)
    return Estimate(statistics.median(ordered), ordered[left_out], ordered[-1 - left_out])
