"""This module is the bridge's paho client, which publishes and hears a PUBACK in a quarter of paho's own time.

Used by `mqtt_connection`. A step of five learning modules becomes six messages with QoS 1. For each, paho makes objects
that nobody here waits for, and at its PUBACK two dictionaries of MQTT 5's properties: 48 us, against 13 us here. Paho
also asks the kernel once for each packet that it writes, and three times for each PUBACK; here small packets that wait
behind each other are written at once, and what has come is read at once.

It uses private parts of paho 2: the queue of packets, the messages in flight, and the methods that read and write.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode

from monty_mqtt_core.payloads.to_mqtt import Outgoing
from monty_mqtt_core.reading.broker_client import BrokerClient
from monty_mqtt_core.reading.mqtt_client import BrokerAddress

__all__ = ["LeanClient", "publish_packet"]

_PUBLISH = 0x30
_ID_BYTES = 2
_PUBACK = b"\x40\x02"
"""The head of each PUBACK (MQTT 3.1.1, section 3.4); the message id follows."""

_PUBACK_BYTES = 4
_READ_BYTES = 1 << 16
_JOINED_BYTES = 1 << 16
_SMALL_BYTES = 1 << 14
"""Smaller packets are joined, up to `_JOINED_BYTES`: of larger ones a copy costs more than a call."""

_IN_FLIGHT = mqtt.MQTTMessage()
"""Stands for each message in flight: paho reads as many packets at once as there are."""


class LeanClient(BrokerClient):
    """LeanClient is a client of MQTT 3.1.1 whose in-flight window is not paho's.

    Args:
        broker: The address; its user is set by the caller.
        client_id: MQTT client id.
        acknowledged: Called with the message id of each PUBACK.
    """

    def __init__(self, broker: BrokerAddress, client_id: str, acknowledged: Callable[[int], None]) -> None:
        super().__init__(broker, client_id)
        self.max_inflight_messages_set(0)  # the publisher keeps the window; paho's costs a scan at each PUBACK
        self._acknowledged = acknowledged
        self._received, self._at = b"", 0

    @property
    def holds_bytes(self) -> bool:
        """Whether something was received that is not read yet: no poll wakes for it."""
        return self._at < len(self._received)

    def send(self, outgoing: Outgoing) -> int | None:
        """Queue a message, whose topic has no wildcard; return its message id, None if there is no connection."""
        if self.socket() is None:
            return None
        mid = self._mid_generate()
        if outgoing.qos:
            self._out_messages[mid] = _IN_FLIGHT
        # As if of QoS 1: after one of QoS 0 paho looks for somebody who waits.
        self._packet_queue(_PUBLISH, publish_packet(outgoing, mid), mid, 1)
        return mid

    def _sock_recv(self, bufsize: int) -> bytes:
        """Return at most so many bytes of what was received; receive more if there are none."""
        if not self.holds_bytes:
            self._receive()
        piece = self._received[self._at : self._at + bufsize]
        self._at += len(piece)
        return piece

    def _receive(self) -> None:
        self._received, self._at = super()._sock_recv(_READ_BYTES), 0

    def _packet_read(self) -> MQTTErrorCode:
        """Read all PUBACKs that come next, and one packet of another kind if it is behind them."""
        if not self._in_packet["command"]:
            if not self.holds_bytes:
                with suppress(OSError):  # paho receives again, and says what is wrong
                    self._receive()
            if self._hear_pubacks() and not self.holds_bytes:
                return MQTTErrorCode.MQTT_ERR_AGAIN
        return super()._packet_read()

    def _hear_pubacks(self) -> bool:
        """Hear the PUBACKs at the beginning of what was received; return whether there were any."""
        received, began = self._received, self._at
        for at in range(began, len(received) - _PUBACK_BYTES + 1, _PUBACK_BYTES):
            if received[at : at + 2] != _PUBACK:
                break
            self._at = at + _PUBACK_BYTES
            self._hear_puback(int.from_bytes(received[at + 2 : at + _PUBACK_BYTES], "big"))
        if self._at > began:
            self._last_bytes_received = time.monotonic()  # it keeps the connection alive
        return self._at > began

    def _hear_puback(self, mid: int) -> None:
        """Hear a PUBACK; ignore one that is not awaited."""
        if self._out_messages.pop(mid, None) is not None:
            self._acknowledged(mid)

    def _handle_pubackcomp(self, cmd: Any) -> MQTTErrorCode:
        """Hear a PUBACK that came in parts."""
        if cmd == "PUBACK":
            self._hear_puback(int.from_bytes(self._in_packet["packet"][:_ID_BYTES], "big"))
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _packet_write(self) -> MQTTErrorCode:
        """Write what waits, small packets together."""
        if len(self._out_packet) > 1:
            self._out_packet = deque(joined(self._out_packet))
        return super()._packet_write()


def joined(packets: Iterable[Any]) -> Iterator[Any]:
    """Yield packets of paho's queue in their order; small PUBLISH packets that follow each other become one."""
    run: list[bytes] = []
    size = 0
    for packet in packets:
        is_small = packet["command"] == _PUBLISH and not packet["pos"] and packet["to_process"] < _SMALL_BYTES
        if run and not (is_small and size + packet["to_process"] <= _JOINED_BYTES):
            yield as_one(run)
            run, size = [], 0
        if is_small:
            run.append(packet["packet"])
            size += packet["to_process"]
        else:
            yield packet
    if run:
        yield as_one(run)


def as_one(run: list[bytes]) -> dict[str, Any]:
    """Return PUBLISH packets as one of paho's queue."""
    packet = run[0] if len(run) == 1 else b"".join(run)
    return {
        "command": _PUBLISH, "mid": 0, "qos": 1, "pos": 0, "to_process": len(packet), "packet": packet, "info": None,
    }  # fmt: skip


def publish_packet(outgoing: Outgoing, mid: int) -> bytes:
    """Return the PUBLISH packet of a message (MQTT 3.1.1, section 3.3)."""
    topic = outgoing.topic.encode()
    message_id = mid.to_bytes(_ID_BYTES, "big") if outgoing.qos else b""
    head = bytearray([_PUBLISH | outgoing.qos << 1 | outgoing.retain])
    left = _ID_BYTES + len(topic) + len(message_id) + len(outgoing.payload)
    while left > 0x7F:  # noqa: PLR2004 - seven bits a byte, the eighth says that another follows
        head.append(left & 0x7F | 0x80)
        left >>= 7
    head.append(left)
    return b"".join((head, len(topic).to_bytes(_ID_BYTES, "big"), topic, message_id, outgoing.payload))
