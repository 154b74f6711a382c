"""What has arrived and was not taken yet, bounded in bytes.

Place in the flow: paho's thread puts, the intake takes. Of messages that the broker keeps until they are acknowledged,
no more than its window can be here; frames and clouds it does not keep, and where they come faster than they are taken
the oldest give way.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

__all__ = ["Arrived", "Inbox", "Receipt"]

_MOST_BULK_BYTES = 32 << 20
_MOST_BYTES = 64 << 20
_PATIENCE_SECS = 10.0
"""How long paho's thread waits for room: the broker then sends no more, and keeps what it has."""


class Receipt(NamedTuple):
    """What it takes to acknowledge a message.

    Attributes:
        mid: Its number in the session.
        connection: The how manieth connection brought it: to another the number means nothing.
    """

    mid: int
    connection: int


class Arrived(NamedTuple):
    """A message as it came.

    Attributes:
        topic: Its topic.
        payload: Its payload.
        retain: Whether the broker had kept it; it is not from now.
        receipt: To acknowledge it; None where the broker does not ask for it, and has not kept it.
    """

    topic: str
    payload: bytes
    retain: bool
    receipt: Receipt | None


class Inbox:
    """Messages in order of arrival, frames and clouds behind the others.

    Args:
        most_bulk_bytes: Room for what the broker does not keep.
        most_bytes: Room for everything else; one message always fits.

    Attributes:
        given_way: How many frames and clouds were dropped.
    """

    def __init__(self, most_bulk_bytes: int = _MOST_BULK_BYTES, most_bytes: int = _MOST_BYTES) -> None:
        self.given_way = 0
        self._most_bulk_bytes, self._most_bytes = most_bulk_bytes, most_bytes
        self._bulk: deque[Arrived] = deque()
        self._others: deque[Arrived] = deque()
        self._bulk_bytes = self._other_bytes = 0
        self._changed = threading.Condition()

    def put(self, arrived: Arrived) -> None:
        """Add a message; waits for room where the broker can wait."""
        with self._changed:
            if arrived.receipt:
                self._changed.wait_for(lambda: self._other_bytes < self._most_bytes, _PATIENCE_SECS)
                self._others.append(arrived)
                self._other_bytes += len(arrived.payload)
            else:
                self._bulk.append(arrived)
                self._bulk_bytes += len(arrived.payload)
                self._make_room()
            self._changed.notify_all()

    def take(self, timeout_secs: float) -> list[Arrived]:
        """Return everything that is here, which may be nothing after `timeout_secs`."""
        with self._changed:
            self._changed.wait_for(lambda: self._others or self._bulk, timeout_secs)
            taken = [*self._others, *self._bulk]
            self._others.clear()
            self._bulk.clear()
            self._bulk_bytes = self._other_bytes = 0
            self._changed.notify_all()
        return taken

    def _make_room(self) -> None:
        while self._bulk_bytes > self._most_bulk_bytes and len(self._bulk) > 1:
            self._bulk_bytes -= len(self._bulk.popleft().payload)
            self.given_way += 1
