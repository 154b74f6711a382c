"""This module notices another bridge with the same id at the broker: each would answer for the other's workers.

Called by `publisher` before it publishes `online`, and with each message on the two topics of its id.

A living bridge publishes its health once a second. A bridge that was killed together with the broker may have left
`online` behind: then no health comes, and the id is free.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable

import msgspec

from monty_mqtt.errors import ServiceError
from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import SELF_TEST, is_online
from monty_mqtt_bridge.rate_limited_log import RateLimitedLog
from monty_mqtt_core.payloads.to_mqtt import Outgoing
from monty_mqtt_core.reading.mqtt_client import MqttMessage

__all__ = ["Namesake"]

logger = logging.getLogger(__name__)

_LISTEN_SECS = 2.5
"""Twice the time between two health messages, and a little more."""

_CERTAIN_SECS = 1.0
"""Health messages of a bridge that was just killed may still be on the way to the broker; its last will comes later."""


class _Health(msgspec.Struct):
    instance: str = ""
    host: str = ""
    pid: int = 0


_healths = msgspec.json.Decoder(_Health)


class Namesake:
    """Namesake looks for another bridge with this id. It lives in one thread.

    Args:
        bridge_id: The id.
        url: Address of the broker, as a URL.
        clock: Returns monotonic seconds.

    Attributes:
        signature: The fields by which the health of this bridge identifies it.
        filters: Topic filters to subscribe to.
        marker: Message to publish behind the subscription: retained messages come before it.
    """

    def __init__(self, bridge_id: str, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._id, self._url, self._clock = bridge_id, url, clock
        self._log = RateLimitedLog(logger, clock)
        self.signature = {"instance": secrets.token_hex(8), "host": socket.gethostname(), "pid": os.getpid()}
        self._status_topic = topics.bridge_topic(bridge_id, "status")
        self._health_topic = topics.bridge_topic(bridge_id, "health")
        self.filters = (topics.bridge_status_filter(), self._health_topic)
        probe = schema.Command(id=f"{SELF_TEST}-{secrets.token_hex(8)}", command=SELF_TEST)
        where = topics.build(bridge_id, "bridge", "command")
        self.marker = Outgoing(where, schema.encode(probe), 1, False)  # noqa: FBT003
        self._until = 0.0
        self._is_looking = self._was_asked = self._was_online = False
        self._other: _Health | None = None
        self._other_at = 0.0

    def look(self) -> None:
        """Begin to look for another bridge, on a new connection."""
        self._until = self._clock() + _LISTEN_SECS
        self._is_looking, self._was_asked, self._was_online = True, False, False
        self._other = None

    def is_free(self) -> bool:
        """Return whether no other bridge has the id, as far as is known by now.

        Raises:
            ServiceError: Another bridge has the id.
        """
        now = self._clock()
        if self._other is not None and now >= self._other_at + _CERTAIN_SECS:
            who = f"process {self._other.pid} on {self._other.host}"
            raise ServiceError(
                f"bridge_id: {self._id!r} is taken at {self._url}, by {who}: end that bridge, or give this one another "
                "id with --bridge-id"
            )
        is_silent = now >= self._until or (self._was_asked and not self._was_online)
        self._is_looking = self._other is not None or not is_silent
        return not self._is_looking

    def hear(self, incoming: MqttMessage) -> bool:
        """Take a message from the broker; return whether it was for this object only."""
        if incoming.topic == self._health_topic:
            self._hear_health(incoming)
        elif incoming.topic == self._status_topic:
            self._was_online = is_online(incoming.payload)
            self._other = self._other if self._was_online else None
            return False
        elif (incoming.topic, incoming.payload) == (self.marker.topic, self.marker.payload):
            self._was_asked = True
        else:
            return False
        return True

    def _hear_health(self, incoming: MqttMessage) -> None:
        try:
            health = _healths.decode(incoming.payload)
        except msgspec.MsgspecError:
            return
        if health.instance == self.signature["instance"]:
            return
        if self._other is None:
            self._other, self._other_at = health, self._clock()
        if self._is_looking:
            return
        text = "another bridge has the id %r, too: process %d on %s. What they say of each other's runs is wrong"
        self._log.error("namesake", text, self._id, health.pid, health.host)
