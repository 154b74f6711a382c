"""This module reads what other bridges published while this one had no broker, before it publishes again.

Called by `publisher` on each connection but the first, on which `broker_check` reads everything that is retained. An
experiment may have gone on with another bridge meanwhile: what this bridge still holds of it must not replace what the
other has retained since.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from monty_mqtt_core.payloads.to_mqtt import Outgoing
from monty_mqtt_core.reading.mqtt_client import MqttMessage

__all__ = ["CatchUp"]

_LONGEST_SECS = 2.5
_QUIET_SECS = 0.1
"""Seconds of silence that must follow the marker, because not every broker keeps the order."""


class CatchUp:
    """CatchUp waits until all retained statuses have come. It lives in one thread.

    Args:
        marker: Message to publish behind the subscription: retained messages come before it.
        clock: Returns monotonic seconds.

    Attributes:
        is_done: Whether the bridge may publish; until `begin` it may.
    """

    def __init__(self, marker: Outgoing, clock: Callable[[], float] = time.monotonic) -> None:
        self._marker, self._clock = marker, clock
        self.is_done = True
        self._done_at = 0.0
        self._was_marked = False

    def begin(self) -> None:
        """Begin to wait, on a new connection."""
        self.is_done = self._was_marked = False
        self._done_at = self._clock() + _LONGEST_SECS

    def hear(self, incoming: MqttMessage) -> None:
        """Take a message from the broker."""
        is_marker = (incoming.topic, incoming.payload) == (self._marker.topic, self._marker.payload)
        self._was_marked = self._was_marked or is_marker
        if not self.is_done and self._was_marked and (is_marker or incoming.retain):
            self._done_at = self._clock() + _QUIET_SECS

    def turn(self) -> bool:
        """Return whether the wait has ended; to be called in each turn of the loop."""
        self.is_done = self._clock() >= self._done_at
        return self.is_done
