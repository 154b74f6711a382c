"""The two MQTT packets of which there are thousands a second: PUBLISH out, PUBACK in. Pure.

Place in the flow: `session` writes and reads these itself and leaves all others to paho, whose bookkeeping for each
message (an object with a condition variable, properties and reason codes of MQTT 5, three reads per PUBACK, a send per
packet) was half of what the bridge cost.

Source: MQTT 3.1.1, sections 2.2, 3.3 and 3.4.
"""

from __future__ import annotations

from functools import lru_cache

from monty_mqtt_bridge.fanout import Outgoing

__all__ = ["Inbox", "publish_packet"]

_PUBLISH = 0x30
_PUBACK = b"\x40\x02"
_PUBACK_BYTES = 4
_CONTINUES = 0x80
_MOST_LENGTH_BYTES = 4


def publish_packet(outgoing: Outgoing, message_id: int) -> bytes:
    """Return a message as it goes over the wire; QoS 0 has no message id there."""
    topic, payload = _topic(outgoing.topic), outgoing.payload
    number = message_id.to_bytes(2, "big") if outgoing.qos else b""
    head = bytes((_PUBLISH | outgoing.qos << 1 | outgoing.retain,))
    return b"".join((head, _length(len(topic) + len(number) + len(payload)), topic, number, payload))


class Inbox:
    """What the broker sends, packet by packet.

    Attributes:
        others: Whole packets that are no PUBACK, for paho to take.
    """

    def __init__(self) -> None:
        self.others = bytearray()
        self._rest = bytearray()

    def feed(self, received: bytes) -> list[int]:
        """Take the next bytes; return which message ids are acknowledged by them."""
        self._rest += received
        rest, at, acknowledged = self._rest, 0, []
        while (end := _end_of_packet(rest, at)) is not None:
            if rest.startswith(_PUBACK, at):
                acknowledged.append(rest[at + 2] << 8 | rest[at + 3])
            else:
                self.others += rest[at:end]
            at = end
        del rest[:at]
        return acknowledged


def _end_of_packet(received: bytearray, start: int) -> int | None:
    """Return where the packet that begins there ends, None if it is not all there yet."""
    there = len(received)
    if received.startswith(_PUBACK, start):  # most of them
        return start + _PUBACK_BYTES if there >= start + _PUBACK_BYTES else None
    length = 0
    for place in range(1, min(there - start, 1 + _MOST_LENGTH_BYTES)):
        digit = received[start + place]
        length |= (digit & ~_CONTINUES) << 7 * (place - 1)
        if digit < _CONTINUES:
            end = start + 1 + place + length
            return end if end <= there else None
    return there if there - start > _MOST_LENGTH_BYTES else None  # no MQTT: paho will say so


@lru_cache(maxsize=4096)
def _topic(topic: str) -> bytes:
    encoded = topic.encode()
    return len(encoded).to_bytes(2, "big") + encoded


def _length(length: int) -> bytes:
    written = bytearray()
    while length >= _CONTINUES:
        written.append(length & ~_CONTINUES & 0xFF | _CONTINUES)
        length >>= 7
    written.append(length)
    return bytes(written)
