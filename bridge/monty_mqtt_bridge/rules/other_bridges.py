"""This module knows which workers other bridges at the same broker answer for. Pure: the caller passes the messages.

Called by `pipeline` with the statuses that come from the broker. An experiment that was given several bridges goes on
with another one when its own is silent: then the status that the new one publishes tells the old one.
"""

from __future__ import annotations

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema, topics
from monty_mqtt.wire.vocabulary import LIVE_STATUSES, is_online
from monty_mqtt_bridge.receive.sender import Key
from monty_mqtt_core.reading.mqtt_client import MqttMessage

__all__ = ["OtherBridges", "status_in"]

_KEPT = {*LIVE_STATUSES, "disconnected"}


class OtherBridges:
    """OtherBridges holds the workers of other bridges that are not over.

    Args:
        bridge_id: Id of this bridge.
    """

    def __init__(self, bridge_id: str) -> None:
        self._id = bridge_id
        self._statuses: dict[Key, schema.Status] = {}
        self._offline: set[str] = set()

    def hear(self, status: schema.Status) -> bool:
        """Note a worker's status; return whether another bridge published it."""
        key = (status.run, status.worker)
        if not status.bridge:
            return False
        is_another = status.bridge != self._id
        if is_another and status.status in _KEPT:
            self._statuses[key] = status
        else:
            self._statuses.pop(key, None)
        return is_another

    def hear_bridge(self, incoming: MqttMessage) -> None:
        """Note whether a bridge is online, from a message on its status topic."""
        bridge_id = topics.unescape(incoming.topic.split("/")[-2])
        if is_online(incoming.payload):
            self._offline.discard(bridge_id)
        else:
            self._offline.add(bridge_id)

    def take_over(self, key: Key) -> schema.Status | None:
        """Forget a worker that is connected here now; return what another bridge said of it last."""
        return self._statuses.pop(key, None)

    def live(self, run: str) -> list[str]:
        """Return the workers of a run that live with another bridge that is online."""
        return [
            worker
            for (of_run, worker), status in self._statuses.items()
            if of_run == run and status.status in LIVE_STATUSES and status.bridge not in self._offline
        ]


def status_in(incoming: MqttMessage) -> schema.Status | None:
    """Return the status in a message on a worker's status topic; None for any other message."""
    if not incoming.topic.endswith("/status") or not incoming.topic.startswith(topics.JSON_PREFIX):
        return None
    try:
        message = schema.decode(incoming.payload)
    except DecodeError:
        return None
    return message if isinstance(message, schema.Status) else None
