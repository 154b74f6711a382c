"""Queues messages that have arrived and wait to be processed; the queue is bounded in bytes.

Filled by paho's thread (`subscription`); emptied by `service`. Messages that the broker keeps until they are
acknowledged never exceed its window. Frames and clouds are not kept by the broker: where they arrive faster than they
are processed, the oldest are dropped.
"""

from __future__ import annotations

import threading
from collections import deque

from monty_mqtt_core.reading.mqtt_client import MqttMessage

__all__ = ["Inbox"]

_MOST_BULK_BYTES = 32 << 20
_MOST_BYTES = 64 << 20
_PATIENCE_SECS = 10.0
"""How long paho's thread waits for room. Meanwhile the broker sends nothing more, and keeps what it has."""


class Inbox:
    """Keeps messages in order of arrival; frames and clouds come after all others.

    Args:
        most_bulk_bytes: Room for messages that the broker does not keep (frames and clouds), in bytes.
        most_bytes: Room for all other messages, in bytes; a single message always fits.

    Attributes:
        given_way: How many frames and clouds were dropped for lack of room.
    """

    def __init__(self, most_bulk_bytes: int = _MOST_BULK_BYTES, most_bytes: int = _MOST_BYTES) -> None:
        self.given_way = 0
        self._most_bulk_bytes, self._most_bytes = most_bulk_bytes, most_bytes
        self._bulk: deque[MqttMessage] = deque()
        self._others: deque[MqttMessage] = deque()
        self._bulk_bytes = self._other_bytes = 0
        self._changed = threading.Condition()

    def put(self, arrived: MqttMessage) -> None:
        """Add a message. If there is no room for a message that the broker keeps, wait until there is."""
        with self._changed:
            if arrived.token:
                self._changed.wait_for(lambda: self._other_bytes < self._most_bytes, _PATIENCE_SECS)
                self._others.append(arrived)
                self._other_bytes += len(arrived.payload)
            else:
                self._bulk.append(arrived)
                self._bulk_bytes += len(arrived.payload)
                self._make_room()
            self._changed.notify_all()

    def take(self, timeout_secs: float) -> list[MqttMessage]:
        """Remove and return all messages; after `timeout_secs` without any, return an empty list."""
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
