"""This module is an ordinary MQTT client, which reads from the broker and publishes commands.

Called by `status`, `tail`, `run` and `abort`. Bridge and page have subscriptions of their own; all programs use
`MqttMessage` and `BrokerAddress`.
"""

from __future__ import annotations

import queue
import threading
import time
from types import TracebackType
from typing import Any, List, NamedTuple, Optional, Self, Sequence, Type

import paho.mqtt.client as mqtt

from monty_mqtt.errors import ServiceError
from monty_mqtt_core.reading.broker_client import BrokerClient
from monty_mqtt_core.settings.broker_address import BrokerAddress

__all__ = ["BrokerAddress", "DeliveryToken", "MqttMessage", "Subscriber", "forget_session", "retained"]

_CONNECT_SECS = 5.0
_RETAINED_SECS = 10.0
_QUIET_SECS = 0.15
"""Seconds of silence that must follow the end marker, because not every broker keeps the order."""

_MARKER = "monty/nothing"
"""A topic on which nothing is ever published."""


class DeliveryToken(NamedTuple):
    """DeliveryToken holds what a client needs to acknowledge a message.

    Attributes:
        mid: MQTT's number of the message in the session.
        connection: Ordinal number of the connection that brought it; `mid` means nothing to any other connection.
    """

    mid: int
    connection: int


class MqttMessage(NamedTuple):
    """MqttMessage is a message as it came from the broker.

    Attributes:
        topic: MQTT topic.
        payload: MQTT payload.
        retain: Whether the broker had retained it: then it is older than the subscription.
        token: What acknowledges it; None if paho did so itself, or for QoS 0, which has no acknowledgement.
    """

    topic: str
    payload: bytes
    retain: bool
    token: Optional[DeliveryToken] = None


class Subscriber:
    """Subscriber is subscribed inside its `with` block; it connects again by itself after the broker was away.

    Args:
        broker: Address and user.
        filters: Topic filters.
        qos: QoS of the subscriptions.

    Raises:
        ServiceError: On entering: the broker does not answer, or refuses this client.
    """

    def __init__(self, broker: BrokerAddress, filters: Sequence[str], *, qos: int = 1) -> None:
        self._broker = broker
        self._filters = [(topic_filter, qos) for topic_filter in filters]
        self._arrived: queue.SimpleQueue[MqttMessage] = queue.SimpleQueue()
        self._subscribed = threading.Event()
        self._marks_answers = False
        self._refused: Optional[str] = None
        self._client = BrokerClient(broker)
        if broker.username:
            password = broker.password_file.read_text().strip() if broker.password_file else None
            self._client.username_pw_set(broker.username, password)
        self._client.reconnect_delay_set(1, 5)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        self._client.connect_to_any()
        self._client.loop_start()
        if not self._subscribed.wait(_CONNECT_SECS) or self._refused:
            self.__exit__(None, None, None)
            raise ServiceError(f"broker {self._broker}: {self._refused or f'no answer within {_CONNECT_SECS:g} s'}")
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def get(self, timeout_secs: float) -> Optional[MqttMessage]:
        """Return the next message; None if there is none within `timeout_secs`."""
        try:
            return self._arrived.get(timeout=max(timeout_secs, 0.001))
        except queue.Empty:
            return None

    def drain(self) -> List[MqttMessage]:
        """Return all messages that have arrived by now."""
        messages: List[MqttMessage] = []
        while not self._arrived.empty():
            messages.append(self._arrived.get())
        return messages

    def until_answered(self, timeout_secs: float) -> List[MqttMessage]:
        """Make one more subscription; return all messages that the broker sends before its answer.

        Raises:
            ServiceError: For `timeout_secs` neither a message nor the answer came.
        """
        self._marks_answers = True
        _, asked = self._client.subscribe(_MARKER, 0)
        messages: List[MqttMessage] = []
        while (message := self.get(timeout_secs)) != MqttMessage(_MARKER, str(asked).encode(), False):  # noqa: FBT003
            if message is None:
                raise ServiceError(f"broker {self._broker}: it did not say within {timeout_secs:g} s what it retains")
            messages.append(message)
        quiet_at = time.monotonic() + _QUIET_SECS
        while (late := self.get(quiet_at - time.monotonic())) is not None:
            messages.append(late)
            quiet_at = time.monotonic() + _QUIET_SECS if late.retain else quiet_at
        return messages

    def publish(self, topic: str, payload: bytes, timeout_secs: float) -> bool:
        """Publish with QoS 1, not retained; return whether the broker acknowledged it in time."""
        sent = self._client.publish(topic, payload, qos=1)
        sent.wait_for_publish(timeout_secs)
        return sent.is_published()

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            user = self._broker.username
            self._refused = f"refuses {f'user {user}' if user else 'anonymous clients'}: {reason}"
            self._subscribed.set()
        else:
            client.subscribe(self._filters)

    def _on_subscribe(self, _client: mqtt.Client, _data: Any, answered: int, *_: Any) -> None:
        if self._marks_answers:  # in order with the messages, which paho hands over in order, too
            self._arrived.put(MqttMessage(_MARKER, str(answered).encode(), False))  # noqa: FBT003
        self._subscribed.set()

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self._arrived.put(MqttMessage(message.topic, bytes(message.payload), message.retain))


def retained(broker: BrokerAddress, filters: Sequence[str], timeout_secs: float = _RETAINED_SECS) -> List[MqttMessage]:
    """Return everything that a broker retains on some topics, however much it is.

    MQTT does not mark the end of the retained messages. But a broker answers in order, so all retained messages have
    come when its answer to a further subscription comes. It uses QoS 0: with QoS 1 a broker sends no more than its
    window at a time, and answers in between.

    Raises:
        ServiceError: The broker does not answer, or refuses this client.
    """
    with Subscriber(broker, filters, qos=0) as look:
        return [message for message in look.until_answered(timeout_secs) if message.retain]


def forget_session(broker: BrokerAddress, client_id: str) -> bool:
    """Make a broker forget a client's session with all messages waiting in it; return whether it did.

    A client that is connected with this id is disconnected.
    """
    is_forgotten = threading.Event()
    client = BrokerClient(broker, client_id, clean_session=True, reconnect_on_failure=False)

    def leave(_client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not reason.is_failure:
            is_forgotten.set()
        client.disconnect()

    client.on_connect = leave
    try:
        client.connect_to_any()
    except ServiceError:
        return False
    client.loop_start()
    done = is_forgotten.wait(_CONNECT_SECS)
    client.loop_stop()
    return done
