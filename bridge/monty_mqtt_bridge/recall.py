"""This module remembers what was before this process: what the journal knows of workers, and what the broker retains.

Place in the flow: `pipeline` asks it for each worker that comes back, and hands it what the broker has retained.
"""

from __future__ import annotations

from monty_mqtt.errors import DecodeError
from monty_mqtt.wire import schema
from monty_mqtt_bridge.journal.journal import Journal
from monty_mqtt_bridge.publish.mqtt_connection import Incoming
from monty_mqtt_bridge.publish.outlet import Outlet
from monty_mqtt_bridge.publish.retained import Stamp
from monty_mqtt_bridge.receive.senders import Key, Worker
from monty_mqtt_bridge.rules.liveness import REMEMBERED_NANOS, Liveness
from monty_mqtt_core.payloads.to_mqtt import Outgoing

__all__ = ["Recall"]


class Recall:
    """What was before. Lives in one thread.

    Args:
        journal: What the last process wrote down.
        outlet: Is told what is retained.
        liveness: Is told who may live.
        bridge_id: Whose the workers are that this bridge answers for.

    Attributes:
        recalled: Workers of whom the journal was asked.
    """

    def __init__(self, journal: Journal, outlet: Outlet, liveness: Liveness, bridge_id: str) -> None:
        self._journal, self._outlet, self._liveness, self._bridge_id = journal, outlet, liveness, bridge_id
        self.recalled: set[Key] = set()

    def unfinished(self, now_unix_nanos: int) -> None:
        """Have at hand everybody of whom more may come."""
        journal = self._journal
        for worker in journal.senders.unfinished(now_unix_nanos - REMEMBERED_NANOS, journal.fed):
            self.of(worker)

    def of(self, worker: Worker) -> None:
        """Have at hand what the journal knows of the workers of a name."""
        if worker.key in self.recalled:
            return
        self.recalled.add(worker.key)
        for kept in self._journal.retained_of(worker.key):
            latest = None if kept.payload is None else Outgoing(kept.topic, kept.payload, 1, True)  # noqa: FBT003
            stamp = Stamp(kept.seq, kept.time_unix_nanos, kept.started_unix_nanos)
            self._outlet.retained.seen(worker.key, kept.topic, stamp, latest)
            self._remember(_decoded(kept.payload or b""), worker if worker.real else None)

    def retained(self, incoming: Incoming) -> None:
        """Take in what the broker has retained. It may have forgotten the last of it: the journal has not."""
        message = _decoded(incoming.payload)
        if message is None or self._is_of_another(message):
            return
        key = (message.run, message.worker)
        if isinstance(message, schema.Status):
            self._journal.workers.retained.add(key)
        worker = self._journal.senders.newest(key)
        if worker is not None:
            self.of(worker)
        self._remember(message, worker)
        newer = self._outlet.retained.seen(key, incoming.topic, Stamp(message.seq, message.time_unix_nanos))
        if newer is not None:
            self._outlet.put_back(newer)

    def _is_of_another(self, message: schema.Message) -> bool:
        """Return whether another bridge answers for this worker: only that one knows whether it lives."""
        return isinstance(message, schema.Status) and message.bridge not in (None, "", self._bridge_id)

    def _remember(self, message: schema.Message | None, worker: Worker | None) -> None:
        if isinstance(message, schema.Info):
            self._outlet.learn(message)
        elif isinstance(message, schema.Status):
            self._liveness.remember(message, worker)


def _decoded(payload: bytes) -> schema.Message | None:
    try:
        message: schema.Message = schema.decode(payload)
    except DecodeError:  # a model, or nothing any more
        return None
    return message
