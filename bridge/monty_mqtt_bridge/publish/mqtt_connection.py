"""This module holds one connection to the MQTT broker: paho, driven by the bridge's own loop.

Made by `publisher`, anew for each connection, because after a reconnect paho sends again only the messages that it
remembers itself, in its own order.

paho's own thread is not used: with one thread nothing waits for the interpreter's lock, which is worth a third of the
rate. Only connecting, which may block, has a thread.
"""

from __future__ import annotations

import logging
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from monty_mqtt_bridge.publish.lean_client import LeanClient
from monty_mqtt_core.payloads.to_mqtt import Outgoing
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, MqttMessage

__all__ = ["ClientLogin", "LastWill", "MqttConnection"]

logger = logging.getLogger(__name__)

_KEEPALIVE_SECS = 10
_CONNECT_SECS = 3.0
_REFUSED_LOGIN = frozenset({"Bad user name or password", "Not authorized"})


class ClientLogin(NamedTuple):
    """ClientLogin is what a connection identifies itself with, beside the user that the address names."""

    client_id: str
    password: str | None


class LastWill(NamedTuple):
    """LastWill is the message that the broker publishes when this connection ends without a DISCONNECT; retained."""

    topic: str
    payload: bytes


class MqttConnection:
    """MqttConnection is one connection, from the attempt to connect to its end.

    Args:
        broker: Address, of one host, and user.
        login: Client id and password.
        will: Last will.
        acknowledged: Called with the message id of each PUBACK.
        wake: Called, in another thread, when the attempt to connect has ended.

    Attributes:
        online: Whether the broker accepted the connection.
        failed: Why there is no connection, or no longer; None while connecting or connected.
        login_refused: Whether the broker refused user or password.
        incoming: Messages from the broker that were not taken yet.
        subscribed: Answers to subscriptions by topic filter: whether the broker granted it.
    """

    def __init__(
        self,
        broker: BrokerAddress,
        login: ClientLogin,
        will: LastWill,
        acknowledged: Callable[[int], None],
        wake: Callable[[], None],
    ) -> None:
        self.online = False
        self.failed: str | None = None
        self.login_refused = False
        self.incoming: list[MqttMessage] = []
        self.subscribed: dict[str, bool] = {}
        self._asked: dict[int, str] = {}
        self._broker = broker
        self._wake = wake
        self._closing = False
        self._client = self._make_client(login, will, acknowledged)
        self._connected = threading.Event()
        threading.Thread(target=self._connect, name="mqtt connect", daemon=True).start()

    def descriptor(self) -> int:
        """Return the file descriptor to poll, -1 while there is none."""
        own_socket = self._client.socket() if self._connected.is_set() else None
        return -1 if own_socket is None or self.failed is not None else int(own_socket.fileno())

    def wants_write(self) -> bool:
        """Return whether bytes wait for the socket to take them."""
        return self._connected.is_set() and self._client.want_write()

    def publish(self, outgoing: Outgoing) -> int | None:
        """Hand a message to paho; return its message id, None if paho did not take it."""
        return self._client.send(outgoing)

    def subscribe(self, topic_filter: str, qos: int) -> None:
        """Subscribe; the answer will be in `subscribed`."""
        _, mid = self._client.subscribe(topic_filter, qos)
        if mid is not None:
            self._asked[mid] = topic_filter

    def unsubscribe(self, *topic_filters: str) -> None:
        """Unsubscribe."""
        self._client.unsubscribe(list(topic_filters))

    def read(self) -> None:
        """Read what the broker sent."""
        self._check(self._client.loop_read())
        while self.failed is None and self._holds_bytes():
            self._check(self._client.loop_read())

    def write(self) -> None:
        """Write waiting bytes, as far as the socket takes them."""
        if self.wants_write():
            self._check(self._client.loop_write())

    def tend(self) -> None:
        """Send and check pings; to be called about once a second."""
        if self._connected.is_set() and self.failed is None:
            self._check(self._client.loop_misc())

    def close(self) -> None:
        """Disconnect properly, so that the broker does not publish the will. May be called twice."""
        self._closing = True
        if self._connected.is_set() and self.failed is None:
            self._client.disconnect()
            self._client.loop_write()
        self.abandon()

    def abandon(self) -> None:
        """Close without a DISCONNECT."""
        own_socket = self._client.socket() if self._connected.is_set() else None
        if own_socket is not None:
            own_socket.close()

    def _holds_bytes(self) -> bool:
        """Return whether more was received, or decrypted by TLS, than was read; the poll does not wake for it."""
        own_socket = self._client.socket()
        return self._client.holds_bytes or (isinstance(own_socket, ssl.SSLSocket) and own_socket.pending() > 0)

    def _make_client(self, login: ClientLogin, will: LastWill, acknowledged: Callable[[int], None]) -> LeanClient:
        client = LeanClient(self._broker, login.client_id, acknowledged)
        client.keepalive = _KEEPALIVE_SECS
        client.connect_timeout = _CONNECT_SECS
        client.will_set(will.topic, will.payload, qos=1, retain=True)
        if self._broker.username:
            client.username_pw_set(self._broker.username, login.password)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        client.on_socket_open = self._on_socket_open
        client.on_socket_register_write = lambda *_: None  # otherwise paho writes each packet at once, from any place
        return client

    def _connect(self) -> None:
        try:
            self._client.reconnect()
        except OSError:
            self._fail(self._client.failed)
        else:
            self._connected.set()
            if self._closing or self.failed is not None:  # given up meanwhile
                self.abandon()
        self._wake()

    def _check(self, code: MQTTErrorCode) -> None:
        if code not in (mqtt.MQTT_ERR_SUCCESS, mqtt.MQTT_ERR_AGAIN):
            self._fail(f"connection lost ({mqtt.error_string(code).rstrip('.')})")

    def _fail(self, why: str) -> None:
        if not self._closing:
            self.failed = self.failed or why
        self.online = False

    @staticmethod
    def _on_socket_open(_client: mqtt.Client, _userdata: object, opened: Any) -> None:
        """Send small packets at once; otherwise a step may wait 40 ms for the acknowledgement of the one before."""
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _on_connect(
        self, _client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            self.login_refused = str(reason) in _REFUSED_LOGIN
            self._fail(f"the broker refused the connection ({reason})")
        else:
            self.online = True

    def _on_disconnect(
        self, _client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        self._fail(f"connection lost ({reason})")

    def _on_message(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        try:
            self.incoming.append(MqttMessage(message.topic, bytes(message.payload), message.retain))
        except UnicodeDecodeError:
            logger.warning("ignored a message from the broker: its topic is not UTF-8")

    def _on_subscribe(
        self, _client: mqtt.Client, _userdata: object, mid: int, reasons: list[ReasonCode], _properties: object
    ) -> None:
        self.subscribed[self._asked.pop(mid, "")] = not any(reason.is_failure for reason in reasons)
