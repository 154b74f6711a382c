"""This module stores a set of whole numbers that come in long runs. Pure.

Used by `send_window`, which keeps here the seqs that will never come.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import List, Optional, Tuple

__all__ = ["SeqRanges"]

_BEYOND = float("inf")


class SeqRanges:
    """SeqRanges holds ascending ranges `(first, last)`, both ends included, that neither overlap nor touch."""

    def __init__(self) -> None:
        self._ranges: List[Tuple[int, int]] = []

    def __len__(self) -> int:
        """Return how many numbers are in the set."""
        return sum(last - first + 1 for first, last in self._ranges)

    def add(self, first: int, last: int) -> int:
        """Add the numbers `first` to `last`; return how many of them are new."""
        ranges = self._ranges
        begin = bisect_left(ranges, (first, first))
        if begin and ranges[begin - 1][1] >= first - 1:
            begin -= 1
        end = begin
        while end < len(ranges) and ranges[end][0] <= last + 1:
            end += 1
        merged = ranges[begin:end]
        if merged:
            first, last = min(first, merged[0][0]), max(last, merged[-1][1])
        ranges[begin:end] = [(first, last)]
        return last - first + 1 - sum(end - start + 1 for start, end in merged)

    def last_of(self, number: int) -> Optional[int]:
        """Return the last number of the range that holds `number`; None if no range does."""
        at = bisect_right(self._ranges, (number, _BEYOND)) - 1
        return self._ranges[at][1] if at >= 0 and self._ranges[at][1] >= number else None

    def first_after(self, number: int) -> Optional[int]:
        """Return the first number of the next range that begins above `number`; None if there is none."""
        at = bisect_right(self._ranges, (number, _BEYOND))
        return self._ranges[at][0] if at < len(self._ranges) else None

    def forget_below(self, number: int) -> int:
        """Remove every number below `number`; return how many were removed."""
        before, ranges = len(self), self._ranges
        while ranges and ranges[0][1] < number:
            del ranges[0]
        if ranges and ranges[0][0] < number:
            ranges[0] = (number, ranges[0][1])
        return before - len(self)
