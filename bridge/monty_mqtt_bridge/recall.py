"""This module restores the state from before this process: workers from the journal, retained topics from the broker.

Called by `pipeline` for each worker that comes back, and with each message that the broker has retained.
"""

from __future__ import annotations

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema
from monty_mqtt_bridge.journal.journal import Journal
from monty_mqtt_bridge.publish.outlet import Outlet
from monty_mqtt_bridge.publish.retained import Stamp
from monty_mqtt_bridge.receive.sender import Key, Sender
from monty_mqtt_bridge.rules.liveness import REMEMBERED_NANOS, Liveness
from monty_mqtt_core.payloads.to_mqtt import Outgoing
from monty_mqtt_core.reading.mqtt_client import MqttMessage

__all__ = ["Recall"]


class Recall:
    """Recall restores the earlier state. It lives in one thread.

    Args:
        journal: State that the last process wrote.
        outlet: Receives what is retained.
        liveness: Receives which workers may live.
        bridge_id: Id of this bridge; it answers only for its own workers.

    Attributes:
        recalled: Workers that were already looked up in the journal.
    """

    def __init__(self, journal: Journal, outlet: Outlet, liveness: Liveness, bridge_id: str) -> None:
        self._journal, self._outlet, self._liveness, self._bridge_id = journal, outlet, liveness, bridge_id
        self.recalled: set[Key] = set()

    def unfinished(self, now_unix_nanos: int) -> None:
        """Load all workers that may send more."""
        journal = self._journal
        for sender in journal.known_senders.unfinished(now_unix_nanos - REMEMBERED_NANOS, journal.fed):
            self.of(sender)

    def of(self, sender: Sender) -> None:
        """Load what the journal knows of the workers of a name."""
        if sender.key in self.recalled:
            return
        self.recalled.add(sender.key)
        for kept in self._journal.retained_of(sender.key):
            latest = None if kept.payload is None else Outgoing(kept.topic, kept.payload, 1, True)  # noqa: FBT003
            stamp = Stamp(kept.seq, kept.time_unix_nanos, kept.started_unix_nanos)
            self._outlet.retained.seen(sender.key, kept.topic, stamp, latest)
            self._remember(_decoded(kept.payload or b""), sender if sender.real else None)

    def retained(self, incoming: MqttMessage) -> None:
        """Take a message that the broker has retained. It may be older than what the journal knows."""
        message = _decoded(incoming.payload)
        if message is None or self._is_of_another(message):
            return
        key = (message.run, message.worker)
        if isinstance(message, schema.Status):
            self._journal.senders.retained.add(key)
        sender = self._journal.known_senders.newest(key)
        if sender is not None:
            self.of(sender)
        self._remember(message, sender)
        newer = self._outlet.retained.seen(key, incoming.topic, Stamp(message.seq, message.time_unix_nanos))
        if newer is not None:
            self._outlet.put_back(newer)

    def _is_of_another(self, message: schema.Message) -> bool:
        """Return whether another bridge answers for this worker: only that bridge knows whether it lives."""
        return isinstance(message, schema.Status) and message.bridge not in (None, "", self._bridge_id)

    def _remember(self, message: schema.Message | None, sender: Sender | None) -> None:
        if isinstance(message, (schema.Info, schema.Status)):
            self._outlet.learn(message)
        if isinstance(message, schema.Status):
            self._liveness.remember(message, sender)


def _decoded(payload: bytes) -> schema.Message | None:
    try:
        message: schema.Message = schema.decode(payload)
    except DecodeError:  # a model, or an empty payload
        return None
    return message
