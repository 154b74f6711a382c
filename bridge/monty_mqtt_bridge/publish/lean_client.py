"""This module is the bridge's paho client, which publishes and hears a PUBACK in a quarter of paho's own time.

Used by `mqtt_connection`. A step of five learning modules becomes six messages with QoS 1. For each, paho makes objects
that nobody here waits for, and at its PUBACK two dictionaries of MQTT 5's properties: 48 us, against 13 us here.

It uses private parts of paho 2: the queue of packets, the messages in flight, and the method that hears a PUBACK.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode

from monty_mqtt_core.payloads.to_mqtt import Outgoing
from monty_mqtt_core.reading.broker_client import BrokerClient
from monty_mqtt_core.reading.mqtt_client import BrokerAddress

__all__ = ["LeanClient", "publish_packet"]

_PUBLISH = 0x30
_ID_BYTES = 2
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

    def _handle_pubackcomp(self, cmd: Any) -> MQTTErrorCode:
        """Hear a PUBACK; ignore one that is not awaited."""
        mid = int.from_bytes(self._in_packet["packet"][:_ID_BYTES], "big")
        if cmd == "PUBACK" and self._out_messages.pop(mid, None) is not None:
            self._acknowledged(mid)
        return MQTTErrorCode.MQTT_ERR_SUCCESS


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
