"""Subscribes the page to the broker, in a persistent session that acknowledges a message only when it is recorded.

The first stage: paho's thread puts every message into the `Inbox`; `service` takes it from there and acknowledges it
when it is recorded. The broker sends again what was not acknowledged when the page was killed. The page asks the broker
for a sign of life once a second: MQTT's own would take a minute to notice a connection that passes nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt

from monty_mqtt.wire import topics
from monty_mqtt_core.reading.broker_client import BrokerClient
from monty_mqtt_core.reading.mqtt_client import BrokerAddress, DeliveryToken, MqttMessage

__all__ = ["FILTERS", "Inbox", "Subscription"]

logger = logging.getLogger(__name__)

_JSON_PATHS = (
    "info", "status", "progress", "state", "episode/#", "step", "end", "hypotheses/#", "metric/#", "data/#", "log/#",
    "event/#", "machine", "command/result", "histogram/#", "table/#",
)  # fmt: skip
FILTERS = (*(f"{topics.JSON_PREFIX}/+/+/{path}" for path in _JSON_PATHS), f"{topics.RAW_PREFIX}/#")
"""All kinds except commands and `evidence`: the steps contain the same, and it is most of the messages."""

_KEEPALIVE_SECS = 30
_RECONNECT_SECS = (1, 5)
_SIGN_SECS, _SILENT_SECS = 1.0, 3.5
"""How often a sign of life is requested, and how long after the request the broker counts as silent."""

_NO_FILTER = "monty/nobody"
"""A topic that is unsubscribed from though it was never subscribed to: every broker answers, and nothing changes."""

_SHORT_SECS, _MANY = 5.0, 3
"""After this many connections in a row that ended so soon, another client has our client id and displaces us."""

_MOST_BULK_BYTES = 32 << 20
_MOST_BYTES = 64 << 20
_PATIENCE_SECS = 10.0
"""How long paho's thread waits for room. Meanwhile the broker sends nothing more, and keeps what it has."""


class Inbox:
    """Keeps messages that have arrived, in that order and bounded in bytes; frames and clouds come after all others.

    Filled by paho's thread, emptied by `service`. Messages that the broker keeps until they are acknowledged never
    exceed its window. Frames and clouds are not kept by the broker: where they arrive faster than they are processed,
    the oldest are dropped.

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


class Subscription:
    """Is subscribed from `__enter__` to `__exit__`, also while the broker is not there.

    Args:
        broker: Address and user of the broker. Its password file is read at each connection.
        client_id: Name of the session, the same at every start.

    Attributes:
        broker: Address and user of the broker.
        inbox: Messages that arrived.
        is_connected: Whether the broker has accepted the connection.
        refused: Why the broker refuses the connection; empty if it does not.
        heard_unix_nanos: When the broker last sent anything, in ns since 1970; at first, when the object was made.
        connection: Ordinal number of this connection.
    """

    def __init__(self, broker: BrokerAddress, client_id: str) -> None:
        self.broker = broker
        self.inbox = Inbox()
        self.is_connected = False
        self.refused = ""
        self.connection = 0
        self.heard_unix_nanos = time.time_ns()
        self._asked_at: float | None = time.monotonic()
        self._sign_at = 0.0
        self._is_taking = False
        self._connected_at, self._short_connections = 0.0, 0
        self._is_leaving = False
        self._without_password = ""
        self._complained: set[BrokerAddress] = set()
        self._client = BrokerClient(broker, client_id, clean_session=False, manual_ack=True)
        self._client.reconnect_delay_set(*_RECONNECT_SECS)
        self._client.on_pre_connect = self._on_pre_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_unsubscribe = self._hear

    def __enter__(self) -> Self:
        self._client.connect_async(self.broker.host, self.broker.port, _KEEPALIVE_SECS)
        self._client.loop_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_leaving = True
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def problem(self) -> str:
        """What is wrong with the broker; empty if nothing is."""
        if self.is_taken:
            return (
                f"broker {self.broker}: another client has this page's client id too, and each gets half of what "
                "comes; give one of the two another --mqtt-client-id"
            )
        if self.is_connected:
            return f"broker {self.broker} does not answer" if self.is_silent else ""
        if self.refused:
            return f"broker {self.broker}: {self.refused}"
        failed = self._client.failed
        why = f"{self._client.tried.host}: {failed}" if failed and self.broker.others else failed
        return f"no broker at {self.broker}{f': {why}' if why else ''}"

    @property
    def is_taken(self) -> bool:
        """Whether another client takes over our session again and again."""
        lasts = self.is_connected and time.monotonic() - self._connected_at >= _SHORT_SECS
        return self._short_connections >= _MANY and not lasts

    @property
    def is_silent(self) -> bool:
        """Whether the broker has not answered a request for a sign of life for seconds; true also without a broker."""
        asked_at = self._asked_at
        return asked_at is not None and not self._is_taking and time.monotonic() - asked_at > _SILENT_SECS

    def ask_for_sign(self) -> None:
        """Ask the broker for a sign of life if the last request is long enough ago."""
        now = time.monotonic()
        if self.is_connected and self._asked_at is None and now >= self._sign_at:
            self._asked_at, self._sign_at = now, now + _SIGN_SECS
            self._client.unsubscribe(_NO_FILTER)

    def acknowledge(self, tokens: Iterable[DeliveryToken]) -> None:
        """Tell the broker that it need not keep these messages any longer.

        Messages of an earlier connection are skipped: the broker sends them again, or their number now means another.
        """
        for mid, connection in tokens:
            if connection == self.connection:
                self._client.ack(mid, 1)

    def ask_again(self) -> None:
        """Ask the broker to send all retained messages again."""
        if self.is_connected:
            self._client.subscribe([(path, 1) for path in FILTERS])

    def _on_pre_connect(self, client: mqtt.Client, _data: Any) -> None:
        self._without_password, password = "", None
        if self.broker.password_file:
            try:
                password = self.broker.password_file.read_text().strip()
            except OSError as error:
                self._without_password = f", password file {self.broker.password_file}: {error.strerror}"
        if self.broker.username:
            client.username_pw_set(self.broker.username, password)

    def _on_connect_fail(self, _client: mqtt.Client, _data: Any) -> None:
        tried = self._client.tried
        if tried not in self._complained:
            self._complained.add(tried)
            logger.warning("no broker at %s: %s", tried, self._client.failed)

    def _on_connect(self, _client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            user = self.broker.username
            refused = f"refuses {f'user {user}' if user else 'anonymous clients'}: {reason}{self._without_password}"
            if refused != self.refused:
                logger.error("broker %s %s", self.broker, refused)
            self.refused = refused
            return
        logger.info("broker %s is there", self._client.tried)
        self.refused = ""
        self._complained.clear()
        self.connection += 1
        self._hear()
        self._connected_at = time.monotonic()
        self.is_connected = True
        self.ask_again()

    def _on_disconnect(self, *_: Any) -> None:
        if self.is_connected and not self._is_leaving:
            is_short = time.monotonic() - self._connected_at < _SHORT_SECS
            self._short_connections = self._short_connections + 1 if is_short else 0
            logger.warning("%s", self.problem if self.is_taken else f"broker {self._client.tried} has gone")
        self._asked_at = self._asked_at or time.monotonic()
        self.is_connected = False

    def _hear(self, *_: Any) -> None:
        self.heard_unix_nanos = time.time_ns()
        self._asked_at = None

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""  # not a topic of ours; the message is acknowledged like any other
        payload = bytes(message.payload)  # this copies nothing: it is bytes already
        token = DeliveryToken(message.mid, self.connection) if message.qos else None
        self._is_taking = True  # put() may wait for room: then the page is the one that does not listen
        self.inbox.put(MqttMessage(topic, payload, message.retain, token))
        self._hear()
        self._is_taking = False
