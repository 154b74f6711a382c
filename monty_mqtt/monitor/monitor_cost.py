"""What the monitor costs the experiment's thread.

Place in the flow: hook, handlers and episodes add their time; every Step tells what came together since the one before.
"""

from __future__ import annotations

__all__ = ["Cost"]


class Cost:
    """A sum of nanoseconds.

    Attributes:
        total_nanos: Since the run began.
    """

    def __init__(self) -> None:
        self.total_nanos = 0
        self._told_nanos = 0

    def add(self, nanos: int) -> None:
        """Add what something of ours just took."""
        self.total_nanos += nanos

    def take_micros(self) -> float:
        """Return what was added since the last call, microseconds."""
        nanos, self._told_nanos = self.total_nanos - self._told_nanos, self.total_nanos
        return nanos / 1e3
