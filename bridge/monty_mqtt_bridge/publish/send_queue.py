"""This module holds the messages that the broker has not acknowledged: those that wait, and those in flight.

Used by `publisher`. A PUBACK counts the receipts of a message's row down. After a reconnect the journal repeats
messages with receipts; others are the bridge's own, and stay here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from monty_mqtt_bridge.journal.feeder import RowReceipt
from monty_mqtt_bridge.publish.retained import only_last_retained
from monty_mqtt_core.payloads.to_mqtt import Outgoing

__all__ = ["SendQueue"]

_WINDOW = 100
"""QoS 1 messages in flight: with this number paho is fastest."""

_ENOUGH_QUEUED = 100
_ENOUGH_BYTES = 4 << 20
"""Most MQTT messages and bytes that wait to be sent; more wait in the journal, or with the experiments."""

_Item = tuple[Outgoing, Sequence[RowReceipt]]


class SendQueue:
    """SendQueue is in the order in which the messages are to be sent.

    Attributes:
        waiting: Messages that wait to be sent.
        in_flight: Messages that were sent and not acknowledged, by MQTT's number.
        pending_bytes: Bytes of all of them.
    """

    def __init__(self) -> None:
        self.waiting: deque[_Item] = deque()
        self.in_flight: dict[int, _Item] = {}
        self.pending_bytes = 0

    @property
    def has_room(self) -> bool:
        """Whether the broker keeps up."""
        return len(self.waiting) < _ENOUGH_QUEUED and self.pending_bytes < _ENOUGH_BYTES

    @property
    def may_send(self) -> bool:
        """Whether a message waits, and one more may be in flight."""
        return bool(self.waiting) and len(self.in_flight) < _WINDOW

    @property
    def is_window_full(self) -> bool:
        """Whether no more messages may be in flight."""
        return len(self.in_flight) >= _WINDOW

    def put(self, outgoing: Outgoing, receipts: Sequence[RowReceipt]) -> None:
        """Take a message to send."""
        self.pending_bytes += len(outgoing.payload)
        self.waiting.append((outgoing, receipts))

    def send_next(self, publish: Callable[[Outgoing], int | None]) -> bool:
        """Hand the next message to `publish`, which returns MQTT's number of it; return whether that took it."""
        if not self.may_send:
            return False
        outgoing, receipts = item = self.waiting[0]
        mid = publish(outgoing)
        if mid is None:
            return False
        self.waiting.popleft()
        if outgoing.qos:
            self.in_flight[mid] = item
        else:
            self._settle(outgoing, receipts)
        return True

    def acknowledged(self, mid: int) -> bool:
        """Note a PUBACK; return whether its message was in flight."""
        item = self.in_flight.pop(mid, None)
        if item is not None:
            self._settle(*item)
        return item is not None

    def keep_own(self) -> None:
        """Drop the messages that come again from the journal, because the connection is gone."""
        own = [item for item in (*self.in_flight.values(), *self.waiting) if not item[1]]
        self.in_flight.clear()
        self.waiting = deque(only_last_retained(own))
        self.pending_bytes = sum(len(outgoing.payload) for outgoing, _ in self.waiting)

    def withdraw(self, topic: str) -> None:
        """Drop the bridge's own messages that wait for a topic."""
        withdrawn = [item for item in self.waiting if item[0].topic == topic and not item[1]]
        self.waiting = deque(item for item in self.waiting if item not in withdrawn)
        self.pending_bytes -= sum(len(outgoing.payload) for outgoing, _ in withdrawn)

    def _settle(self, outgoing: Outgoing, receipts: Sequence[RowReceipt]) -> None:
        self.pending_bytes -= len(outgoing.payload)
        for receipt in receipts:
            receipt.open -= 1
