"""This module publishes to the broker: connecting, testing, reconnecting, sending what `send_queue` holds.

Called by `outlet` and `pipeline` with messages and the receipts of their rows.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence

from monty_mqtt.errors import ServiceError
from monty_mqtt.wire.vocabulary import OFFLINE
from monty_mqtt_bridge.counters import BridgeCounters
from monty_mqtt_bridge.journal.feeder import RowReceipt
from monty_mqtt_bridge.publish.broker_check import COMMAND_FILTER, START_FILTERS, STATUS_FILTER, BrokerCheck
from monty_mqtt_bridge.publish.catch_up import CatchUp
from monty_mqtt_bridge.publish.connect_attempts import ConnectAttempts
from monty_mqtt_bridge.publish.mqtt_connection import ClientLogin, LastWill, MqttConnection
from monty_mqtt_bridge.publish.namesake import Namesake
from monty_mqtt_bridge.publish.send_queue import SendQueue
from monty_mqtt_bridge.rate_limited_log import RateLimitedLog
from monty_mqtt_bridge.settings import BridgeConfig, read_password
from monty_mqtt_core.payloads.to_mqtt import Outgoing, is_too_long
from monty_mqtt_core.reading.mqtt_client import MqttMessage

__all__ = ["Publisher"]

logger = logging.getLogger(__name__)

_BURST = 32
"""Messages handed to paho before their bytes are written: a slow broker must not make paho's buffer grow."""

_ENOUGH_FOR_QOS0 = 2000
_SELF_TEST_SECS = 2.0
_HANDSHAKE_SECS = 5.0


class Publisher:
    """Publisher is the way to the broker, whether it is connected or not. It lives in one thread.

    Args:
        config: Address and user of the broker.
        counts: The bridge's counters.
        wake: Interrupts the loop's poll; may be called from any thread.
        clock: Monotonic seconds.

    Raises:
        ConfigError: The password file cannot be read.

    Attributes:
        ready: Whether the self-test has passed.
        namesake: Whether another bridge has the same id.
        forgotten: Whether the broker has lost its stored data, including the sessions of its subscribers.
        queue: Messages that the broker has not acknowledged.
    """

    def __init__(
        self,
        config: BridgeConfig,
        counts: BridgeCounters,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # A client that knows this id can disconnect the bridge, even anonymously; each start has a new session and id.
        client_id = f"monty-mqtt-{config.bridge_id}-{secrets.token_hex(12)}"
        self._login = ClientLogin(client_id, read_password(config))
        self._broker = config.broker
        self._attempts = ConnectAttempts(self._broker)
        self._test = BrokerCheck(config.bridge_id, self._broker)
        self.namesake = Namesake(config.bridge_id, str(self._broker), clock)
        self._catch_up = CatchUp(self.namesake.marker, clock)
        self._counts, self._wake, self._clock = counts, wake, clock
        self._log = RateLimitedLog(logger, clock)
        self._connection: MqttConnection | None = None
        self._will = LastWill(self._test.status.topic, OFFLINE)
        self._greeted = self._testing = self._recognised = self.ready = self.forgotten = False
        self._hang_ups = 0
        self._give_up_at = clock() + config.mqtt_wait_secs if config.mqtt_wait_secs else float("inf")
        self._deadline = 0.0
        self.queue = SendQueue()

    @property
    def online(self) -> bool:
        """Whether messages can be sent now: on a new connection, behind those that the journal repeats."""
        is_caught_up = self.ready and self._greeted and self._catch_up.is_done
        return is_caught_up and self._connection is not None and self._connection.online

    def has_room(self) -> bool:
        """Return whether the broker keeps up."""
        return self.online and self.queue.has_room

    def descriptor(self) -> int:
        """Return the file descriptor to poll, -1 while there is none."""
        return self._connection.descriptor() if self._connection else -1

    def wants_write(self) -> bool:
        """Return whether the loop should wait until the socket takes more."""
        return self._connection is not None and self._connection.wants_write()

    def put(self, outgoing: Outgoing, receipts: Sequence[RowReceipt] = ()) -> None:
        """Take a message to publish. QoS 0 is dropped and counted while the broker is away or far behind."""
        if not outgoing.qos and not (self.online and len(self.queue.waiting) < _ENOUGH_FOR_QOS0):
            self._counts.unsent += 1
            return
        if is_too_long(outgoing.topic):  # a run's name may fit a point and not a topic
            self._counts.refused += 1
            self._log.say("topic", "not published: a topic of %d characters", len(outgoing.topic))
            for receipt in receipts:
                receipt.open -= 1
        else:
            self.queue.put(outgoing, receipts)

    def subscribe(self, topic_filter: str) -> None:
        """Subscribe, until `unsubscribe` or the end of this connection."""
        if self._connection is not None:
            self._connection.subscribe(topic_filter, 1)

    def unsubscribe(self, topic_filter: str) -> None:
        """Unsubscribe."""
        if self._connection is not None:
            self._connection.unsubscribe(topic_filter)

    def read(self) -> list[MqttMessage]:
        """Read what the broker sent; return the messages that are not this object's own."""
        if self._connection is None:
            return []
        self._connection.read()
        messages, self._connection.incoming = self._connection.incoming, []
        for message in messages:
            self._catch_up.hear(message)
            if message.topic == self._test.status.topic:
                self._hear_status(message)
        return [message for message in messages if not self.namesake.hear(message) and not self._test.hear(message)]

    def pump(self) -> None:
        """Send as much as the window and the socket take."""
        connection = self._connection
        if connection is None or connection.failed is not None:
            return
        connection.write()
        while self.online and self.queue.waiting and not connection.wants_write():
            for _ in range(_BURST):
                if not self.queue.send_next(connection.publish):
                    break
            connection.write()
            if self.queue.is_window_full:
                return

    def tend(self, now: float) -> bool:
        """Connect, greet, test, keep alive, start over; to be called in each turn of the loop.

        Returns:
            Whether the broker has become ready in this turn; it may have forgotten the last messages, or everything.

        Raises:
            ServiceError: Before the bridge is ready: the broker refuses user, password or topics.
        """
        connection, became_ready = self._connection, False
        if connection is None:
            if now >= self._attempts.not_before:
                self._deadline, address = now + _HANDSHAKE_SECS, self._attempts.address
                self._connection = MqttConnection(address, self._login, self._will, self._acknowledged, self._wake)
        elif connection.failed is not None:
            self._start_over(connection, now)
        elif not connection.online:
            if now > self._deadline:
                connection.abandon()
                connection.failed = "the broker does not answer"
        elif not self._greeted:
            self._greet(connection)
        elif not self.ready:
            became_ready = self._judge(connection, now)
        elif not self._catch_up.is_done:
            became_ready = self._catch_up.turn()
        return became_ready

    def keep_alive(self) -> None:
        """Send and check pings; to be called about once a second."""
        if self._connection is not None:
            self._connection.tend()

    def close(self) -> None:
        """Publish `offline` and disconnect. May be called twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            if connection.online and self._testing:  # otherwise `online` is the status of another bridge of this id
                connection.publish(self._test.status._replace(payload=OFFLINE))
            connection.close()

    def _acknowledged(self, mid: int) -> None:
        if self.queue.acknowledged(mid):
            self._counts.published += 1

    def _greet(self, connection: MqttConnection) -> None:
        self._greeted = True
        self._counts.mqtt_connects += 1
        self._attempts.succeeded()
        for topic_filter in (COMMAND_FILTER, STATUS_FILTER, *self.namesake.filters):
            connection.subscribe(topic_filter, 1)
        if self.ready:
            logger.warning("connected to %s again", self._attempts.address)
            connection.publish(self._test.status)
            self._catch_up.begin()
        else:
            self.namesake.look()
        connection.publish(self.namesake.marker)

    def _begin_test(self, connection: MqttConnection, now: float) -> None:
        self._testing, self._deadline = True, now + _SELF_TEST_SECS
        for topic_filter in START_FILTERS:
            connection.subscribe(topic_filter, 1)
        for outgoing in self._test.messages():
            connection.publish(outgoing)

    def _hear_status(self, status: MqttMessage) -> None:
        """Take a message on our status topic. If the first one is not retained, the broker had kept nothing."""
        if not self._recognised:
            self._recognised, self.forgotten = True, self.forgotten or not status.retain
        elif status.payload == OFFLINE and self.ready and self._connection is not None:  # of a connection that was lost
            self._connection.publish(self._test.status)

    def _judge(self, connection: MqttConnection, now: float) -> bool:
        if not self._testing:
            if self.namesake.is_free():
                self._begin_test(connection, now)
        elif self._test.passed:
            self.ready = True
            connection.unsubscribe(*START_FILTERS)
        elif now > self._deadline:
            raise ServiceError(self._test.not_given_back(_SELF_TEST_SECS))
        return self.ready

    def _start_over(self, connection: MqttConnection, now: float) -> None:
        if connection.login_refused and not self.ready:
            raise ServiceError(self._test.let_nobody_in())
        self._hang_ups += self._greeted and not self.ready
        if self._hang_ups > 1:  # once may be a broker that was just stopped
            raise ServiceError(self._test.hung_up())
        tried = self._attempts.address
        self._attempts.failed(connection.failed, now)
        if not self.ready and now >= self._give_up_at and self._attempts.all_tried:
            raise ServiceError(f"no MQTT broker at {tried}: {connection.failed}")
        self._connection, self._greeted, self._recognised, self._testing = None, False, False, self.ready
        self.queue.keep_own()
