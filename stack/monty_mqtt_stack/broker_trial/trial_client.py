"""Connects to the broker on trial with paho: every step waits for the broker's answer, with a bound.

Made by `needs` and `rights`, one for each part that they play. It never connects again by itself: a broker that closes
the connection is a result.
"""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType
from typing import Any, Callable, Iterable, List, NamedTuple, Optional, Self, Tuple, Type

import paho.mqtt.client as mqtt

from monty_mqtt.errors import ServiceError
from monty_mqtt_core.reading.broker_client import BrokerClient
from monty_mqtt_core.settings.broker_address import BrokerAddress

__all__ = ["ANSWER_SECS", "Arrived", "RefusedError", "TrialClient", "Will"]

ANSWER_SECS = 10.0
_CONNECT_SECS = 5.0
_NO_FILTER = "monty/nobody"
"""A topic that is unsubscribed from though it was never subscribed to: every broker answers, and nothing changes."""

_INFLIGHT = 100
"""How many messages the bridge has in flight."""


class RefusedError(ServiceError):
    """The broker refuses this client."""


class Arrived(NamedTuple):
    """Holds a message that the broker sent, with MQTT's number of it in the session."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    mid: int


class Will(NamedTuple):
    """Holds a last will, which is retained."""

    topic: str
    payload: bytes


class TrialClient:
    """Is connected inside its `with` block.

    Args:
        broker: Address and user.
        client_id: Id of the client; empty: one that the broker does not know.
        keeps_session: Whether the broker keeps the session of this id.
        acknowledges: Whether it acknowledges what arrives; else `acknowledge` does.
        will: Its last will.

    Attributes:
        session_present: Whether the broker had a session of this id.

    Raises:
        RefusedError: On entering: the broker refuses this client.
        ServiceError: On entering: the broker does not answer.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        client_id: str = "",
        *,
        keeps_session: bool = False,
        acknowledges: bool = True,
        will: Optional[Will] = None,
    ) -> None:
        self.session_present = False
        self._broker = broker
        self._changed = threading.Condition()
        self._arrived: List[Arrived] = []
        self._answers: dict[int, bool] = {}
        self._connack: Optional[str] = None
        self._is_cut = False
        self._client = BrokerClient(
            broker,
            client_id,
            clean_session=not keeps_session,
            reconnect_on_failure=False,
            manual_ack=not acknowledges,
        )
        self._client.max_inflight_messages_set(_INFLIGHT)
        self._client.connect_timeout = _CONNECT_SECS
        if broker.username:
            password = broker.password_file.read_text().strip() if broker.password_file else None
            self._client.username_pw_set(broker.username, password)
        if will:
            self._client.will_set(will.topic, will.payload, qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_publish = self._on_answer
        self._client.on_unsubscribe = self._on_answer
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        self._client.connect_to_any()
        self._client.loop_start()
        if not self._wait(lambda: self._connack is not None or self._is_cut, ANSWER_SECS) or self._connack:
            self.leave()
            who = f"user {self._broker.username}" if self._broker.username else "anonymous clients"
            raise RefusedError(f"{self._broker} refuses {who}: {self._connack or f'no answer in {ANSWER_SECS:g} s'}")
        if self._is_cut:
            self.leave()
            raise RefusedError(f"{self._broker} closes the connection")
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """Disconnect properly; may be called twice."""
        self._client.disconnect()
        self._client.loop_stop()

    def drop(self) -> None:
        """Close the connection without a DISCONNECT, as a process that is killed."""
        opened: Any = self._client.socket()
        if opened is not None:
            opened.shutdown(socket.SHUT_RDWR)
        self._wait(lambda: self._is_cut, ANSWER_SECS)
        self._client.loop_stop()

    def subscribe(self, *filters: str) -> bool:
        """Subscribe with QoS 1; return whether the broker grants all of it."""
        code, mid = self._client.subscribe([(topic_filter, 1) for topic_filter in filters])
        if code != mqtt.MQTT_ERR_SUCCESS or mid is None:
            return False
        self._wait(lambda: mid in self._answers or self._is_cut, ANSWER_SECS)
        return self._answers.get(mid, False)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Publish with QoS 1; return whether the broker acknowledges it in time."""
        return self.publish_all([(topic, payload)], retain=retain) == 1

    def publish_all(
        self, messages: Iterable[Tuple[str, bytes]], *, retain: bool = False, timeout_secs: float = 3 * ANSWER_SECS
    ) -> int:
        """Publish with QoS 1, as many at a time as the bridge does; return how many the broker acknowledges in time."""
        mids = [self._client.publish(topic, payload, 1, retain).mid for topic, payload in messages]
        self._wait(lambda: self._is_cut or all(mid in self._answers for mid in mids), timeout_secs)
        return sum(mid in self._answers for mid in mids)

    def acknowledge(self, messages: Iterable[Arrived]) -> None:
        """Acknowledge messages, and wait until the broker has read that: it answers what comes behind in order."""
        for message in messages:
            self._client.ack(message.mid, message.qos)
        _, mid = self._client.unsubscribe(_NO_FILTER)
        self._wait(lambda: mid in self._answers or self._is_cut, ANSWER_SECS)

    def wait_for(self, count: int, timeout_secs: float = ANSWER_SECS) -> List[Arrived]:
        """Return what has arrived, as soon as it is `count` messages; at the latest after `timeout_secs` of silence."""
        seen = -1
        while seen < len(self._arrived) < count:
            seen = len(self._arrived)
            self._wait(lambda: len(self._arrived) >= count, timeout_secs)
        with self._changed:
            return list(self._arrived)

    def wait_until_cut(self) -> bool:
        """Return whether the broker closes the connection in time."""
        return self._wait(lambda: self._is_cut, ANSWER_SECS)

    def _wait(self, condition: Callable[[], bool], timeout_secs: float) -> bool:
        deadline = time.monotonic() + timeout_secs
        with self._changed:
            return self._changed.wait_for(condition, deadline - time.monotonic())

    def _on_connect(self, _client: mqtt.Client, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        with self._changed:
            self.session_present = bool(flags.session_present)
            self._connack = str(reason) if reason.is_failure else ""
            self._changed.notify_all()

    def _on_disconnect(self, *_: Any) -> None:
        with self._changed:
            self._is_cut = True
            self._changed.notify_all()

    def _on_subscribe(self, _client: mqtt.Client, _data: Any, mid: int, reasons: Any, _properties: Any) -> None:
        self._answer(mid, all(not reason.is_failure for reason in reasons))

    def _on_answer(self, _client: mqtt.Client, _data: Any, mid: int, _reason: Any, _properties: Any) -> None:
        self._answer(mid, True)  # noqa: FBT003

    def _answer(self, mid: int, is_granted: bool) -> None:  # noqa: FBT001
        with self._changed:
            self._answers[mid] = is_granted
            self._changed.notify_all()

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        with self._changed:
            self._arrived.append(
                Arrived(message.topic, bytes(message.payload), message.qos, message.retain, message.mid)
            )
            self._changed.notify_all()
