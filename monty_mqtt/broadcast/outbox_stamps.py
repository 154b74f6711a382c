"""This module gives wall-clock times that only go forward.

Called by `outbox`, one stamp per message. A machine's clock may be set back in the middle of a run (NTP, a person, a
resumed virtual machine); the order of a worker's messages must not change with it.
"""

from __future__ import annotations

import time
from typing import Callable

__all__ = ["Stamps"]


class Stamps:
    """Stamps gives nanoseconds since 1970-01-01 UTC, each larger than the one before.

    While the wall clock is behind the last stamp, time goes on from there at the speed of the monotonic clock, so that
    durations stay right until the wall clock has caught up.

    Attributes:
        wall: Returns the nanoseconds of the wall clock; a test puts its own clock here.
        tick: Returns the nanoseconds of a clock that is never set.
    """

    def __init__(self, wall: Callable[[], int] = time.time_ns, tick: Callable[[], int] = time.monotonic_ns) -> None:
        self.wall = wall
        self.tick = tick
        self._last = 0
        self._last_tick = 0

    def take(self) -> int:
        """Return the next stamp."""
        stamp, tick = self.wall(), self.tick()
        if stamp <= self._last:
            stamp = self._last + max(1, tick - self._last_tick)
        self._last, self._last_tick = stamp, tick
        return stamp
