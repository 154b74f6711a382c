"""The page's own ear at the broker: a persistent session that acknowledges what is kept, and not before.

Place in the flow: the first stage. paho's thread hands over every message; `service` acknowledges it when it is kept.
What was not acknowledged when the page was killed, the broker sends again.
"""

from __future__ import annotations

import queue
from types import TracebackType
from typing import Any, NamedTuple, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from monty_mqtt import topics
from monty_mqtt_stack.subscriber import Broker

__all__ = ["Arrived", "Subscription"]

_FILTERS = [(f"{topics.JSON_PREFIX}/#", 1), (f"{topics.RAW_PREFIX}/#", 1), (f"{topics.BRIDGE_PREFIX}/#", 1)]
_RECONNECT_SECS = (1, 5)


class Arrived(NamedTuple):
    """A message as it came. `retain`: the broker had kept it; it is not from now."""

    topic: str
    payload: bytes
    retain: bool
    mid: int
    qos: int


class Subscription:
    """Subscribed from `__enter__` to `__exit__`, also while the broker is away.

    Args:
        broker: Where, and as whom.
        client_id: Name of the session, the same at every start.

    Attributes:
        arrived: Messages in order of arrival.
        is_connected: Whether the broker answers now.
        refused: Why it does not let us in, empty if it does.
    """

    def __init__(self, broker: Broker, client_id: str) -> None:
        self.arrived: queue.SimpleQueue[Arrived] = queue.SimpleQueue()
        self.is_connected = False
        self.refused = ""
        self._broker = broker
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, manual_ack=True
        )
        if broker.username:
            password = broker.password_file.read_text().strip() if broker.password_file else None
            self._client.username_pw_set(broker.username, password)
        self._client.reconnect_delay_set(*_RECONNECT_SECS)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        self._client.connect_async(self._broker.host, self._broker.port)
        self._client.loop_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def acknowledge(self, arrived: Arrived) -> None:
        """Tell the broker that it need not keep this one any longer."""
        if arrived.qos:
            self._client.ack(arrived.mid, arrived.qos)

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.refused = str(reason) if reason.is_failure else ""
        self.is_connected = not reason.is_failure
        if self.is_connected:
            client.subscribe(_FILTERS)

    def _on_disconnect(self, *_: Any) -> None:
        self.is_connected = False

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self.arrived.put(Arrived(message.topic, bytes(message.payload), message.retain, message.mid, message.qos))
