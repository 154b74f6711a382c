"""This module sums up the time that the monitor takes on the experiment's thread.

Called by hook, handlers and episode logger with their times; every Step reports the sum since the previous Step.
"""

from __future__ import annotations

__all__ = ["MonitorCost"]


class MonitorCost:
    """MonitorCost is a sum of nanoseconds.

    Attributes:
        total_nanos: The sum since the run began.
    """

    def __init__(self) -> None:
        self.total_nanos = 0
        self._told_nanos = 0

    def add(self, nanos: int) -> None:
        """Add the time that a part of the monitor has just taken."""
        self.total_nanos += nanos

    def take_micros(self) -> float:
        """Return what was added since the last call, microseconds."""
        nanos, self._told_nanos = self.total_nanos - self._told_nanos, self.total_nanos
        return nanos / 1e3
