"""This module counts the frames and clouds that are sent and not acknowledged; no copy of them is kept.

Used by `bridge_link`. Beyond the bound new ones are dropped, because they are for looking, and replace each other.
"""

from __future__ import annotations

from collections import deque
from typing import Deque, Tuple

__all__ = ["BulkWindow"]

_BOUND_BYTES = 8 << 20
"""Most bytes of frames and clouds that are sent and not acknowledged; beyond it new ones are dropped."""


class BulkWindow:
    """BulkWindow is empty at the start.

    Attributes:
        next: Seq of the next frame or cloud.
        dropped: Number of frames and clouds that were not sent.
        size: Bytes of those that are sent and not acknowledged.
    """

    def __init__(self) -> None:
        self.next = self.dropped = self.size = 0
        self._sent: Deque[Tuple[int, int]] = deque()

    def __bool__(self) -> bool:
        return bool(self._sent)

    def add(self, size: int) -> None:
        """Note that one of `size` bytes was sent."""
        self._sent.append((self.next, size))
        self.size += size
        self.next += 1

    def has_room(self, *, is_open: bool) -> bool:
        """Return whether one can be sent now; if not, or if the connection is not open, count it as dropped."""
        room = is_open and self.size < _BOUND_BYTES
        if not room:
            self.next += 1
            self.dropped += 1
        return room

    def free(self, before: int) -> bool:
        """Note that those below this seq have arrived, or never will; return whether there were any."""
        freed = False
        while self._sent and self._sent[0][0] < before:
            self.size -= self._sent.popleft()[1]
            freed = True
        return freed
